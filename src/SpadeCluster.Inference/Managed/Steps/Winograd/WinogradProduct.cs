using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>M = U V: one matrix product over the channels for each of the 16 elements, [element][out channel][tile]. A task
/// is a panel of one element.</summary>
internal sealed unsafe class WinogradProduct<S, V> : Step
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly WinogradShape _shape;
    private readonly PackedMatrix[] _kernels;
    private readonly NativeBuffer _noBias;
    private readonly int _depth, _rows;

    public WinogradProduct(ConvolutionSpec spec, WinogradShape shape, Value input, Value output) : base(spec.Name, output, input)
    {
        (_shape, _depth, _rows) = (shape, spec.InChannels, output.Shape[1]);
        float[] all = WinogradShape.Kernels(spec);
        int each = all.Length / WinogradShape.Elements;
        _kernels = [.. Enumerable.Range(0, WinogradShape.Elements).Select(e => new PackedMatrix(all.AsSpan(e * each, each), _depth))];
        _noBias = new NativeBuffer(_rows);
    }

    /// <summary>Rows of M: whole tiles of the micro-kernel.</summary>
    public static int Rows(int channels) => (channels + PackedMatrix.TileRows - 1) / PackedMatrix.TileRows * PackedMatrix.TileRows;

    public override long MultiplyAdds => (long)Inputs[0].Length * _rows;

    public override int Tasks => WinogradShape.Elements * _shape.Panels.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        var (element, panel) = Math.DivRem(task, _shape.Panels.Count);
        int start = _shape.Panels.Start(panel), vectors = _shape.Panels.Start(panel + 1) - start;
        float* b = Inputs[0].Pointer + ((long)element * _depth * _shape.Pitch) + ((long)start * S.Width * _depth);
        float* c = Output.Pointer + ((long)element * _rows * _shape.Pitch) + (start * S.Width);
        var t = new GemmTile { Pitch = _shape.Pitch, Bias = _noBias.Pointer };
        var kernels = _kernels[element];
        for (int k = 0; k < _depth; k += PackedMatrix.PartDepth)
        {
            t.Depth = Math.Min(PackedMatrix.PartDepth, _depth - k);
            (t.First, t.Last) = (k == 0, k + t.Depth == _depth);
            for (int r = 0; r < kernels.Tiles; r++)
                GemmKernel<S, V>.Run(in t, vectors, kernels.Tile(r, k, t.Depth), b + ((long)k * vectors * S.Width), c + ((long)r * PackedMatrix.TileRows * _shape.Pitch), r * PackedMatrix.TileRows);
        }
    }

    public override void Dispose()
    {
        foreach (var kernels in _kernels) kernels.Dispose();
        _noBias.Dispose();
    }
}
