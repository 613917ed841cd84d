using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Cli.Bench;

/// <summary>The output of 'bench pixel-search --json'. Work is per query.</summary>
/// <param name="DeviceMedianMs">The search as matrix products (<see cref="MatrixPixelSearch"/>) on a device; null: not measured.</param>
/// <param name="DeviceAgreement">Share of the pixels for which they found the same pixel as the exact search.</param>
internal sealed record PixelSearchResult(
    string Features, string Processor, int GalleryK, int Threads, int Queries, double MedianMs, double MinMs,
    double? DenseMedianMs, double? DenseRatio, string? Peer, double? PeerMedianMs, double? PeerRatio,
    IReadOnlyList<double> ShareOfPairsPerLevel, IReadOnlyList<double> SketchedShareOfPairsPerLevel, double Gflop, long BytesTouched,
        long ResidentBytesPerImage, double CancelledWithinMs, string? Device = null, double? DeviceMedianMs = null,
        double? DeviceAgreement = null)
{
    public double? DeviceRatio => DeviceMedianMs / MedianMs;
}

/// <summary>Prepares features for <see cref="PixelSearchBenchmark"/>: those of a dataset, or random ones, where pruning has no
/// effect.</summary>
internal static class PixelSearchBench
{
    private const int Queries = 6;
    private static readonly LevelShape[] ResNetShapes = [new(56, 56, 256), new(28, 28, 512), new(14, 14, 1024)];

    public static async Task<PixelSearchResult> RunAsync(string? dataset, Engines engines, int galleryK, PixelSearchOptions options,
        int rounds, int dense, PeerCommand? peer, OnnxRuntimeDevice? device, CancellationToken cancellationToken)
    {
        var (name, gallery, queries) = dataset is null ? Random(galleryK)
            : await ExtractAsync(dataset, engines, galleryK, cancellationToken);
        var index = new PixelIndex(new PixelSpace(gallery[0].Shapes), gallery);
        (int, PackedPyramid)[] packed = [.. gallery.Select((g, i) => (i, index.Pack(g)))];
        var r = PixelSearchBenchmark.Run(index, queries, packed, options, rounds, dense,
            peer is null ? null : () => Timing.Of("", 0, peer.RunAsync(cancellationToken).GetAwaiter().GetResult()).MedianMs,
                cancellationToken);
        var (deviceMs, agreement) = device is null ? default
            : await OnDeviceAsync(device.Value, index, gallery, packed, queries, options, rounds);
        return new PixelSearchResult(name, Machine.Describe(), galleryK, r.Threads, r.Queries, r.MedianMs, r.MinMs,
            Defined(r.DenseMedianMs), Defined(r.DenseRatio), peer?.Command, Defined(r.PeerMedianMs), Defined(r.PeerRatio),
            r.SharePerLevel, r.SketchedPerLevel, r.GigaOperations, r.BytesTouched, r.ResidentBytesPerImage, r.CancelledWithinMs,
            device?.ToString(), deviceMs, agreement);
    }

    private static async Task<(double? Ms, double? Agreement)> OnDeviceAsync(OnnxRuntimeDevice device, PixelIndex index,
        IReadOnlyList<FeaturePyramid> gallery, (int, PackedPyramid)[] packed, IReadOnlyList<FeaturePyramid> queries,
        PixelSearchOptions options, int rounds)
    {
        if (options is not { Fusion: Fusion.Concatenated, Kappa: 1, Window: null })
            throw new SpadeException(SpadeError.InvalidArgument,
                "--device measures the nearest pixel of concatenated levels, anywhere: without --fusion, --kappa and --window");
        using var search = new MatrixPixelSearch(gallery, device, options.Threads);
        int same = 0, all = 0;
        foreach (var query in queries)
        {
            var (found, exact) = (search.Search(query), index.Search(query, packed, options)[0]);
            same += exact.Cells.Where((cell, i) => (cell, exact.Images[i]) == (found.Cells[i], found.Images[i])).Count();
            all += exact.Cells.Length;
        }
        List<double> times = [];
        for (int round = 0; round < rounds; round++)
            foreach (var query in queries) times.Add(await Timing.MeasureAsync(() =>
            {
                search.Search(query);
                return Task.CompletedTask;
            }));
        return (Timing.Of("", options.Threads, times).MedianMs, (double)same / all);
    }

    /// <summary>K normals of a dataset, with mirrored ones if there are fewer, and some of its test images.</summary>
    private static async Task<(string Name, List<FeaturePyramid> Gallery, List<FeaturePyramid> Queries)> ExtractAsync(string folder,
        Engines engines, int galleryK, CancellationToken cancellationToken)
    {
        var dataset = DatasetLayout.Open(folder)[0];
        var (extractor, preparer) = engines.Default;
        var features = new ImageFeatures(extractor.Model);
        if (galleryK > 2 * dataset.Train.Count)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{folder}' has {dataset.Train.Count} normals; with their mirror images there are {2 * dataset.Train.Count}, fewer " +
                $"than --gallery-k {galleryK}");
        var gallery = new List<FeaturePyramid>();
        for (int i = 0; i < galleryK; i++)
            gallery.Add(await Extract(dataset.Train[i % dataset.Train.Count], mirrored: i >= dataset.Train.Count));
        var queries = new List<FeaturePyramid>();
        for (int i = 0; i < Math.Min(Queries, dataset.Test.Count); i++)
            queries.Add(await Extract(dataset.Test[i * dataset.Test.Count / Queries].Path, mirrored: false));
        return ($"{dataset.Name}, {extractor.Model.Name}", gallery, queries);

        async Task<FeaturePyramid> Extract(string path, bool mirrored)
        {
            var input = preparer.Prepare(ImageReader.ReadBytes(path, ImageLimits.Default), path).Input;
            await extractor.ExtractAsync([mirrored ? Mirror(input) : input], [features], cancellationToken);
            return FeaturePyramid.From(features);
        }
    }

    private static (string Name, List<FeaturePyramid> Gallery, List<FeaturePyramid> Queries) Random(int galleryK)
    {
        var random = new Random(1);
        return ("random, ResNet-50 shape", [.. Enumerable.Range(0, galleryK).Select(_ => One())], [One(), One()]);

        FeaturePyramid One() => new(ResNetShapes,
            [.. ResNetShapes.Select(s => Enumerable.Range(0, s.Length).Select(_ => (Half)random.NextSingle()).ToArray())]);
    }

    private static RgbImage Mirror(RgbImage image)
    {
        var mirrored = new RgbImage(image.Width, image.Height);
        for (int y = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++)
                image.Pixels.AsSpan(3 * (y * image.Width + x),
                    3).CopyTo(mirrored.Pixels.AsSpan(3 * (y * image.Width + image.Width - 1 - x)));
        return mirrored;
    }

    private static double? Defined(double value) => double.IsNaN(value) ? null : value;
}
