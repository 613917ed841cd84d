using Microsoft.ML.OnnxRuntime;
using SpadeCluster.Features;
using SpadeCluster.Inference.Onnx;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// The pixel search of concatenated levels as matrix products on a device, to be measured beside <see cref="PixelIndex"/>: for each level
/// |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, added up over the levels, and the least of a gallery image for each cell. It compares every pair and
/// rounds: where two gallery cells are almost equally near it may find the other one, so no result is computed with it. The gallery is part
/// of the graph, and so in the device's memory. Not for concurrent searches.
/// </summary>
public sealed class MatrixPixelSearch : IDisposable
{
    private readonly IReadOnlyList<LevelShape> _shapes;
    private readonly int[][] _orders;
    private readonly int _images;
    private readonly InferenceSession _session;

    /// <param name="gallery">One image or more, of one shape whose grids each divide the finer one.</param>
    /// <param name="threads">Of the CPU; 0: all processors.</param>
    /// <exception cref="SpadeException">Unavailable: no such device, or it has too little memory.</exception>
    public MatrixPixelSearch(IReadOnlyList<FeaturePyramid> gallery, OnnxRuntimeDevice device, int threads = 0)
    {
        (_shapes, _images) = (gallery[0].Shapes, gallery.Count);
        _orders = Orders(_shapes);
        byte[] graph = Graph(gallery);
        using var settings = BoundSession.Settings(new OnnxRuntimeOptions { Threads = threads }, device);
        try
        {
            _session = new InferenceSession(graph, settings);
        }
        catch (OnnxRuntimeException e) when (device.Cuda is not null)
        {
            throw OrtFailure.NoDevice(e, device);
        }
    }

    /// <returns>For every cell of the finest level its nearest gallery cell, up to rounding.</returns>
    public PixelMatches Search(FeaturePyramid query)
    {
        OrtValue[] inputs = [.. _shapes.Select((s, level) => OrtValue.CreateTensorValueFromMemory(Rows(query, level),
            [s.Cells, s.Channels]))];
        using var run = new RunOptions();
        using var outputs = _session.Run(run, [.. _shapes.Select((_, level) => Query(level))], inputs, ["distances", "cells"]);
        foreach (var input in inputs) input.Dispose();
        var distances = outputs[0].GetTensorDataAsSpan<float>();
        var cells = outputs[1].GetTensorDataAsSpan<long>();
        float[][] norms = [.. _shapes.Select((_, level) => Norms(Rows(query, level), _shapes[level].Channels))];
        var found = new PixelMatches(_shapes[0].Height, _shapes[0].Width, 1);
        for (int row = 0; row < _shapes[0].Cells; row++)
        {
            float own = 0;
            for (int level = 0; level < norms.Length; level++) own += norms[level][row / (_shapes[0].Cells / _shapes[level].Cells)];
            for (int image = 0; image < _images; image++)
                found.Offer(_orders[0][row], Math.Max(0, own + distances[row * _images + image]), image,
                    _orders[0][(int)cells[row * _images + image]]);
        }
        return found;
    }

    public void Dispose() => _session.Dispose();

    private static string Query(int level) => $"query{level}";

    private byte[] Graph(IReadOnlyList<FeaturePyramid> gallery)
    {
        var graph = new GraphBuilder("pixel search");
        for (int level = 0; level < _shapes.Count; level++) graph.Input(Query(level), _shapes[level].Channels);
        for (int image = 0; image < gallery.Count; image++)
        {
            string sum = "";
            for (int level = _shapes.Count - 1; level >= 0; level--)
            {
                var s = _shapes[level];
                string name = $"level{level}.{image}";
                float[] rows = Rows(gallery[image], level);
                string own = graph.Node("Gemm", name, [Query(level), graph.Constant($"{name}.rows", [s.Cells, s.Channels], rows),
                    graph.Constant($"{name}.norms", [1, s.Cells], Norms(rows, s.Channels))], GraphBuilder.Float("alpha", -2),
                    GraphBuilder.Int("transB", 1));
                sum = level == _shapes.Count - 1 ? own : Add(graph, own, sum, s.Cells, _shapes[level + 1].Cells);
            }
            graph.Reduce("ReduceMin", sum, $"distance.{image}", [1]);
            graph.Node("ArgMin", $"cell.{image}", [sum], GraphBuilder.Int("axis", 1));
        }
        graph.Concat("distances", [.. gallery.Select((_, image) => $"distance.{image}")]);
        graph.Concat("cells", [.. gallery.Select((_, image) => $"cell.{image}")]);
        graph.Output("distances", gallery.Count);
        graph.IntegerOutput("cells", gallery.Count);
        return graph.Build();
    }

    /// <summary>Adds the distances [P, P] of a coarser level to those [C, C] of a finer one: the C / P rows under a coarse cell follow one
    /// another, and so do the columns.</summary>
    private static string Add(GraphBuilder graph, string fine, string coarse, int cells, int parents)
    {
        int fan = cells / parents;
        string added = graph.Node("Add", $"{fine}.sum", [Reshape($"{fine}.fans", fine, parents, fan, parents, fan),
            Reshape($"{fine}.coarse", coarse, parents, 1, parents, 1)]);
        return Reshape($"{fine}.square", added, cells, cells);

        string Reshape(string output, string x, params long[] shape)
            => graph.Node("Reshape", output, [x, graph.Constant($"{output}.shape", shape)]);
    }

    /// <summary>The cells of each level such that those under one coarser cell follow one another.</summary>
    private static int[][] Orders(IReadOnlyList<LevelShape> shapes)
    {
        int[][] orders = new int[shapes.Count][];
        orders[^1] = [.. Enumerable.Range(0, shapes[^1].Cells)];
        for (int level = shapes.Count - 2; level >= 0; level--)
        {
            var (s, parent) = (shapes[level], shapes[level + 1]);
            int down = s.Height / parent.Height, across = s.Width / parent.Width;
            orders[level] = [.. orders[level + 1].SelectMany(p => Enumerable.Range(0, down * across).Select(c
                => (p / parent.Width * down + c / across) * s.Width + p % parent.Width * across + c % across))];
        }
        return orders;
    }

    /// <summary>The values of a level, row by row in the order of its cells.</summary>
    private float[] Rows(FeaturePyramid features, int level)
    {
        int channels = _shapes[level].Channels;
        var values = features.Level(level);
        float[] rows = new float[values.Length];
        for (int row = 0; row < _orders[level].Length; row++)
            HalfConversion.Widen(values.Slice(_orders[level][row] * channels, channels), rows.AsSpan(row * channels, channels));
        return rows;
    }

    /// <summary>Squared lengths of the rows.</summary>
    private static float[] Norms(float[] rows, int channels)
        => [.. rows.Chunk(channels).Select(row => (float)row.Sum(x => (double)x * x))];
}
