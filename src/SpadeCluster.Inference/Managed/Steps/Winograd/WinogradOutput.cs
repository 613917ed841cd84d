using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// A^T M A of all tiles, and what was fused into the convolution: bias, residual, clamping. A task is an output channel;
/// neighbouring tiles are in a vector and leave it as pairs of neighbouring columns.
/// </summary>
internal sealed unsafe class WinogradOutput<S, V>(ConvolutionSpec spec, WinogradShape shape, Value input)
    : Step(spec.Name, spec.Output, spec.Residual is null ? [input] : [input, spec.Residual])
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly WindowShape _window = spec.Window;
    private readonly int _line = (2 * shape.TilesX) + (2 * S.Width);

    public override int Tasks => spec.OutChannels;
    public override int ScratchFloats => 2 * _line;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        float* m = Inputs[0].Pointer + ((long)task * shape.Pitch);
        long plane = (long)task * _window.OutHeight * _window.OutWidth;
        for (int ty = 0; ty < shape.TilesY; ty++)
        {
            TwoRows(m + (ty * shape.TilesX), scratch, spec.Bias[task]);
            for (int row = 0; row < 2 && (2 * ty) + row < _window.OutHeight; row++)
                Finish(scratch + (row * _line), plane + (((2L * ty) + row) * _window.OutWidth));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TwoRows(float* m, float* lines, float bias)
    {
        long element = (long)Inputs[0].Shape[1] * shape.Pitch;
        V biases = S.Create(bias);
        for (int tx = 0; tx < shape.TilesX; tx += S.Width)
        {
            var (a0, b0) = Column(m + tx, element);
            var (a1, b1) = Column(m + tx + element, element);
            var (a2, b2) = Column(m + tx + (2 * element), element);
            var (a3, b3) = Column(m + tx + (3 * element), element);
            float* to = lines + (2 * tx);
            S.StorePairs(to, S.Add(S.Add(S.Add(a0, a1), a2), biases), S.Add(S.Subtract(S.Subtract(a1, a2), a3), biases));
            S.StorePairs(to + _line, S.Add(S.Add(S.Add(b0, b1), b2), biases), S.Add(S.Subtract(S.Subtract(b1, b2), b3), biases));
        }
    }

    /// <summary>A^T of one column of M: m0 + m1 + m2 and m1 - m2 - m3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V Upper, V Lower) Column(float* m, long element)
    {
        V m0 = S.Load(m), m1 = S.Load(m + (4 * element)), m2 = S.Load(m + (8 * element)), m3 = S.Load(m + (12 * element));
        return (S.Add(S.Add(m0, m1), m2), S.Subtract(S.Subtract(m1, m2), m3));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(float* line, long at)
    {
        int width = _window.OutWidth;
        if (spec.Residual is { } residual)
            for (int x = 0; x < width; x += S.Width) S.Store(line + x, S.Add(S.Load(line + x), S.Load(residual.Pointer + at + x)));
        if (spec.Low is not null || spec.High is not null)
        {
            V low = S.Create(spec.Low ?? float.NegativeInfinity), high = S.Create(spec.High ?? float.PositiveInfinity);
            for (int x = 0; x < width; x += S.Width) S.Store(line + x, S.Min(S.Max(S.Load(line + x), low), high));
        }
        new ReadOnlySpan<float>(line, width).CopyTo(new Span<float>(spec.Output.Pointer + at, width));
    }
}
