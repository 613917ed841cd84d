using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Convolution as a matrix product, out[channel][pixel] = sum over k of weights[channel][k] * panel[k][pixel]. The sum is
/// cut into parts; between parts the output itself holds the partial sums.
/// </summary>
internal sealed unsafe class GemmConvolution<S, V> : Step
    where S : struct, ISimd<V>
    where V : struct
{
    private const int Depth = PackedMatrix.PartDepth, Rows = PackedMatrix.TileRows, MostVectors = GemmKernel<S, V>.MostVectors, LargeWeights = 4 << 20;
    private readonly ConvolutionSpec _spec;
    private readonly PackedMatrix[] _weights; // one a group
    private readonly NativeBuffer _bias; // [group][row tile * 8]
    private readonly Panels _panels;
    private readonly int _depth, _rowTiles, _pixels, _panelChunks, _rowChunks;

    public GemmConvolution(ConvolutionSpec spec, int threads) : base(spec.Name, spec.Output, spec.Reads)
    {
        _spec = spec;
        _depth = spec.InPerGroup * spec.Window.KernelHeight * spec.Window.KernelWidth;
        _pixels = spec.Window.OutHeight * spec.Window.OutWidth;
        _panels = new Panels(_pixels, S.Width, MostVectors);
        int outEach = spec.OutPerGroup;
        _weights = [.. Enumerable.Range(0, spec.Groups).Select(g => new PackedMatrix(spec.Weights.AsSpan(checked(g * outEach * _depth), checked(outEach * _depth)), _depth))];
        _rowTiles = _weights[0].Tiles;
        _bias = new NativeBuffer((long)spec.Groups * _rowTiles * Rows);
        for (int g = 0; g < spec.Groups; g++) spec.Bias.AsSpan(g * outEach, outEach).CopyTo(new Span<float>(_bias.Pointer + (g * _rowTiles * Rows), outEach));

        // Weights beyond a cache's size: cut the rows, so that each thread streams its own share. Others: cut the pixels,
        // so that nothing is packed twice; several tasks a thread even out threads that are held up.
        int mostRowChunks = Math.Max(1, _rowTiles / 4);
        if (_weights[0].Bytes > LargeWeights)
        {
            _rowChunks = Math.Min(threads, mostRowChunks);
            _panelChunks = Math.Min((threads + _rowChunks - 1) / _rowChunks, _panels.Count);
        }
        else
        {
            int wanted = threads == 1 ? 1 : Math.Max(1, 4 * threads / spec.Groups);
            _panelChunks = Math.Min(wanted, _panels.Count);
            _rowChunks = Math.Clamp(wanted / 2 / _panelChunks, 1, mostRowChunks);
        }
    }

    public override string Kind => $"convolution {_spec.Window.KernelHeight}x{_spec.Window.KernelWidth}{(_spec.Window.StrideY > 1 ? $", stride {_spec.Window.StrideY}" : "")}";

    public override long MultiplyAdds => (long)_spec.OutChannels * _depth * _pixels;

    public override int Tasks => _spec.Groups * _panelChunks * _rowChunks;

    // One panel, and one tile of the output for the ragged end of the image or of the channels.
    public override int ScratchFloats => (Depth + (3 * Rows)) * MostVectors * S.Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        int rowChunk = task % _rowChunks, panelChunk = task / _rowChunks % _panelChunks, group = task / (_rowChunks * _panelChunks);
        int firstTile = _rowTiles * rowChunk / _rowChunks, endTile = _rowTiles * (rowChunk + 1) / _rowChunks;
        int firstPanel = _panels.Count * panelChunk / _panelChunks, endPanel = _panels.Count * (panelChunk + 1) / _panelChunks;
        var w = _spec.Window;
        var weights = _weights[group];
        float* input = _spec.Input.Pointer + ((long)group * _spec.InPerGroup * w.InHeight * w.InWidth);
        float* output = _spec.Output.Pointer + ((long)group * _spec.OutPerGroup * _pixels);
        var t = new GemmTile
        {
            Pitch = _pixels,
            Bias = _bias.Pointer + (group * _rowTiles * Rows),
            HasResidual = _spec.Residual is not null,
            ResidualOffset = _spec.Residual is null ? 0 : (nint)(_spec.Residual.Pointer - _spec.Output.Pointer),
            Clamp = _spec.Low is not null || _spec.High is not null,
            Low = _spec.Low ?? float.NegativeInfinity,
            High = _spec.High ?? float.PositiveInfinity,
        };
        float* edge = scratch + (Depth * MostVectors * S.Width);
        for (int k = 0; k < _depth; k += Depth)
        {
            t.Depth = Math.Min(Depth, _depth - k);
            (t.First, t.Last) = (k == 0, k + t.Depth == _depth);
            for (int p = firstPanel; p < endPanel; p++)
            {
                int firstVector = _panels.Start(p), vectors = _panels.Start(p + 1) - firstVector, pixel = firstVector * S.Width, pixels = vectors * S.Width;
                PanelPacking<S, V>.Pack(w, input, k, t.Depth, pixel, pixels, scratch);
                bool ragged = pixel + pixels > _pixels;
                for (int r = firstTile; r < endTile; r++)
                {
                    float* a = weights.Tile(r, k, t.Depth);
                    float* c = output + ((long)r * Rows * _pixels) + pixel;
                    if (ragged || (r + 1) * Rows > _spec.OutPerGroup) RunAtEdge(t, vectors, a, scratch, c, r * Rows, Math.Min(Rows, _spec.OutPerGroup - (r * Rows)), Math.Min(pixels, _pixels - pixel), edge);
                    else GemmKernel<S, V>.Run(in t, vectors, a, scratch, c, r * Rows);
                }
            }
        }
    }

    public override void Dispose()
    {
        foreach (var weights in _weights) weights.Dispose();
        _bias.Dispose();
    }

    /// <summary>A tile that reaches beyond the output is computed in a tile of its own and copied as far as it is real.</summary>
    private static void RunAtEdge(GemmTile t, int vectors, float* a, float* b, float* c, int row, int rows, int columns, float* edge)
    {
        int pitch = MostVectors * S.Width;
        float* residual = edge + (Rows * pitch);
        for (int r = 0; r < rows; r++)
        {
            float* line = c + (r * t.Pitch);
            if (!t.First) new ReadOnlySpan<float>(line, columns).CopyTo(new Span<float>(edge + (r * pitch), columns));
            if (t.Last && t.HasResidual) new ReadOnlySpan<float>(line + t.ResidualOffset, columns).CopyTo(new Span<float>(residual + (r * pitch), columns));
        }
        (nint outPitch, t.Pitch, t.ResidualOffset) = (t.Pitch, pitch, Rows * pitch);
        GemmKernel<S, V>.Run(in t, vectors, a, b, edge, row);
        for (int r = 0; r < rows; r++) new ReadOnlySpan<float>(edge + (r * pitch), columns).CopyTo(new Span<float>(c + (r * outPitch), columns));
    }
}
