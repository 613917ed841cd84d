using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Convolution as a matrix product, out[channel][pixel] = sum over k of weights[channel][k] * panel[k][pixel]. The sum is
/// cut into parts of <see cref="DepthBlock"/>, so that a packed panel stays in the caches while all output channels
/// pass over it; between parts the output itself holds the partial sums.
/// </summary>
internal sealed unsafe class GemmConvolution<S, V> : Step
    where S : struct, ISimd<V>
    where V : struct
{
    private const int DepthBlock = 256, Rows = GemmKernel<S, V>.RowsPacked, VectorsPerPanel = GemmKernel<S, V>.MostVectors, LargeWeights = 4 << 20;
    private readonly ConvolutionSpec _spec;
    private readonly NativeBuffer _weights; // [group][part of the sum][row tile][k][8], rows padded with zeros
    private readonly NativeBuffer _bias; // [group][row tile * 8]
    private readonly int _depth, _rowTiles, _pixels, _panels, _vectors, _panelChunks, _rowChunks;

    public GemmConvolution(ConvolutionSpec spec, int threads) : base(spec.Name, spec.Output, spec.Reads)
    {
        _spec = spec;
        _depth = spec.InPerGroup * spec.Window.KernelHeight * spec.Window.KernelWidth;
        _rowTiles = (spec.OutPerGroup + Rows - 1) / Rows;
        _pixels = spec.Window.OutHeight * spec.Window.OutWidth;
        _vectors = (_pixels + S.Width - 1) / S.Width;
        _panels = (_vectors + VectorsPerPanel - 1) / VectorsPerPanel;
        _weights = new NativeBuffer((long)spec.Groups * _rowTiles * Rows * _depth);
        _bias = new NativeBuffer(spec.Groups * _rowTiles * Rows);
        PackWeights();

        // Weights beyond a cache's size: cut the rows, so that each thread streams its own share. Others: cut the pixels,
        // so that nothing is packed twice; several tasks a thread even out threads that are held up.
        int mostRowChunks = Math.Max(1, _rowTiles / 4);
        if ((long)_rowTiles * Rows * _depth * sizeof(float) > LargeWeights)
        {
            _rowChunks = Math.Min(threads, mostRowChunks);
            _panelChunks = Math.Min((threads + _rowChunks - 1) / _rowChunks, _panels);
        }
        else
        {
            int wanted = threads == 1 ? 1 : Math.Max(1, 4 * threads / spec.Groups);
            _panelChunks = Math.Min(wanted, _panels);
            _rowChunks = Math.Clamp(wanted / 2 / _panelChunks, 1, mostRowChunks);
        }
    }

    public override int Tasks => _spec.Groups * _panelChunks * _rowChunks;

    // One panel, and one tile of the output for the ragged end of the image or of the channels.
    public override int ScratchFloats => (DepthBlock + (3 * Rows)) * VectorsPerPanel * S.Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        int rowChunk = task % _rowChunks, panelChunk = task / _rowChunks % _panelChunks, group = task / (_rowChunks * _panelChunks);
        int firstTile = _rowTiles * rowChunk / _rowChunks, endTile = _rowTiles * (rowChunk + 1) / _rowChunks;
        int firstPanel = _panels * panelChunk / _panelChunks, endPanel = _panels * (panelChunk + 1) / _panelChunks;
        var w = _spec.Window;
        float* input = _spec.Input.Pointer + ((long)group * _spec.InPerGroup * w.InHeight * w.InWidth);
        float* output = _spec.Output.Pointer + ((long)group * _spec.OutPerGroup * _pixels);
        float* weights = _weights.Pointer + ((long)group * _rowTiles * Rows * _depth);
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
        float* edge = scratch + (DepthBlock * VectorsPerPanel * S.Width);
        for (int k = 0; k < _depth; k += DepthBlock)
        {
            t.Depth = Math.Min(DepthBlock, _depth - k);
            (t.First, t.Last) = (k == 0, k + t.Depth == _depth);
            for (int p = firstPanel; p < endPanel; p++)
            {
                // Panels share the vectors evenly: 13 vectors make 3, 3, 3, 2, 2.
                int firstVector = PanelStart(p), vectors = PanelStart(p + 1) - firstVector, pixel = firstVector * S.Width, pixels = vectors * S.Width;
                PanelPacking<S, V>.Pack(w, input, k, t.Depth, pixel, pixels, scratch);
                bool ragged = pixel + pixels > _pixels;
                for (int r = firstTile; r < endTile; r++)
                {
                    float* a = weights + ((((long)k * _rowTiles) + ((long)r * t.Depth)) * Rows);
                    float* c = output + ((long)r * Rows * _pixels) + pixel;
                    if (ragged || (r + 1) * Rows > _spec.OutPerGroup) RunAtEdge(t, vectors, a, scratch, c, r * Rows, Math.Min(Rows, _spec.OutPerGroup - (r * Rows)), Math.Min(pixels, _pixels - pixel), edge);
                    else GemmKernel<S, V>.Run(in t, vectors, a, scratch, c, r * Rows);
                }
            }
        }
    }

    public override void Dispose()
    {
        _weights.Dispose();
        _bias.Dispose();
    }

    private int PanelStart(int panel)
    {
        int each = _vectors / _panels, more = _vectors % _panels;
        return (panel * each) + Math.Min(panel, more);
    }

    /// <summary>A tile that reaches beyond the output is computed in a tile of its own and copied as far as it is real.</summary>
    private static void RunAtEdge(GemmTile t, int vectors, float* a, float* b, float* c, int row, int rows, int columns, float* edge)
    {
        int pitch = VectorsPerPanel * S.Width;
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

    private void PackWeights()
    {
        for (int g = 0; g < _spec.Groups; g++)
        {
            float* bias = _bias.Pointer + (g * _rowTiles * Rows), weights = _weights.Pointer + ((long)g * _rowTiles * Rows * _depth);
            for (int o = 0; o < _spec.OutPerGroup; o++)
            {
                int channel = (g * _spec.OutPerGroup) + o;
                bias[o] = _spec.Bias[channel];
                var source = _spec.Weights.AsSpan(checked(channel * _depth), _depth);
                for (int start = 0; start < _depth; start += DepthBlock)
                {
                    int part = Math.Min(DepthBlock, _depth - start);
                    float* tile = weights + ((((long)start * _rowTiles) + ((long)(o / Rows) * part)) * Rows) + (o % Rows);
                    for (int k = 0; k < part; k++) tile[(long)k * Rows] = source[start + k];
                }
            }
        }
    }
}
