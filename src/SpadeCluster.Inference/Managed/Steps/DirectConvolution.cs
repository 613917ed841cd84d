using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Convolution with few output channels per group (depthwise above all), where a matrix product would have nothing to
/// share: each output row is summed tap by tap, a vector of neighbouring pixels at a time where the stride is 1, with
/// single pixels at the borders and for other strides.
/// </summary>
internal sealed unsafe class DirectConvolution<S, V> : Step
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly ConvolutionSpec _spec;
    private readonly NativeBuffer _weights;
    private readonly int _rowChunks;

    public DirectConvolution(ConvolutionSpec spec, int threads) : base(spec.Name, spec.Output, spec.Reads)
    {
        _spec = spec;
        _weights = NativeBuffer.Of(spec.Weights);
        _rowChunks = threads == 1 ? 1 : Math.Min(spec.Window.OutHeight, Math.Max(1, threads * 4 / spec.OutChannels));
    }

    public override int Tasks => _spec.OutChannels * _rowChunks;

    public override void Run(int task, float* scratch)
    {
        int channel = task / _rowChunks, chunk = task % _rowChunks;
        var w = _spec.Window;
        for (int y = w.OutHeight * chunk / _rowChunks, end = w.OutHeight * (chunk + 1) / _rowChunks; y < end; y++) Row(channel, y);
    }

    public override void Dispose() => _weights.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Row(int channel, int y)
    {
        var w = _spec.Window;
        int planeIn = w.InHeight * w.InWidth, group = channel / _spec.OutPerGroup;
        float* input = _spec.Input.Pointer + ((long)group * _spec.InPerGroup * planeIn);
        long at = (((long)channel * w.OutHeight) + y) * w.OutWidth;
        float* output = _spec.Output.Pointer + at, residual = _spec.Residual is null ? null : _spec.Residual.Pointer + at;
        float bias = _spec.Bias[channel];
        int top = (y * w.StrideY) - w.PadTop;

        // Columns whose whole window lies inside the input.
        int first = Math.Min(w.OutWidth, (w.PadLeft + w.StrideX - 1) / w.StrideX);
        int inside = w.InWidth - (((w.KernelWidth - 1) * w.DilationX) + 1) + w.PadLeft;
        int end = inside < 0 ? first : Math.Clamp((inside / w.StrideX) + 1, first, w.OutWidth);
        int x = 0;
        for (; x < first; x++) output[x] = Single(input, channel, top, x, bias);
        if (w.StrideX == 1)
        {
            for (; x + (4 * S.Width) <= end; x += 4 * S.Width) FourVectors(input, channel, top, x - w.PadLeft, bias, output + x);
            for (; x + S.Width <= end; x += S.Width) OneVector(input, channel, top, x - w.PadLeft, bias, output + x);
        }
        for (; x < w.OutWidth; x++) output[x] = Single(input, channel, top, x, bias);

        if (residual is null && _spec.Low is null && _spec.High is null) return;
        float low = _spec.Low ?? float.NegativeInfinity, high = _spec.High ?? float.PositiveInfinity;
        for (x = 0; x < w.OutWidth; x++) output[x] = Math.Min(Math.Max(output[x] + (residual is null ? 0 : residual[x]), low), high);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FourVectors(float* input, int channel, int top, int left, float bias, float* output)
    {
        var w = _spec.Window;
        V s0 = S.Create(bias), s1 = s0, s2 = s0, s3 = s0;
        float* weight = _weights.Pointer + ((long)channel * _spec.InPerGroup * w.KernelHeight * w.KernelWidth);
        for (int c = 0; c < _spec.InPerGroup; c++, input += w.InHeight * w.InWidth)
            for (int ky = 0; ky < w.KernelHeight; ky++, weight += w.KernelWidth)
            {
                int y = top + (ky * w.DilationY);
                if ((uint)y >= (uint)w.InHeight) continue;
                float* p = input + ((long)y * w.InWidth) + left;
                for (int kx = 0; kx < w.KernelWidth; kx++, p += w.DilationX)
                {
                    V a = S.Create(weight[kx]);
                    s0 = S.MultiplyAdd(a, S.Load(p), s0);
                    s1 = S.MultiplyAdd(a, S.Load(p + S.Width), s1);
                    s2 = S.MultiplyAdd(a, S.Load(p + (2 * S.Width)), s2);
                    s3 = S.MultiplyAdd(a, S.Load(p + (3 * S.Width)), s3);
                }
            }
        S.Store(output, s0);
        S.Store(output + S.Width, s1);
        S.Store(output + (2 * S.Width), s2);
        S.Store(output + (3 * S.Width), s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OneVector(float* input, int channel, int top, int left, float bias, float* output)
    {
        var w = _spec.Window;
        V s = S.Create(bias);
        float* weight = _weights.Pointer + ((long)channel * _spec.InPerGroup * w.KernelHeight * w.KernelWidth);
        for (int c = 0; c < _spec.InPerGroup; c++, input += w.InHeight * w.InWidth)
            for (int ky = 0; ky < w.KernelHeight; ky++, weight += w.KernelWidth)
            {
                int y = top + (ky * w.DilationY);
                if ((uint)y >= (uint)w.InHeight) continue;
                float* p = input + ((long)y * w.InWidth) + left;
                for (int kx = 0; kx < w.KernelWidth; kx++, p += w.DilationX) s = S.MultiplyAdd(S.Create(weight[kx]), S.Load(p), s);
            }
        S.Store(output, s);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Single(float* input, int channel, int top, int x, float bias)
    {
        var w = _spec.Window;
        int left = (x * w.StrideX) - w.PadLeft;
        float s = bias;
        float* weight = _weights.Pointer + ((long)channel * _spec.InPerGroup * w.KernelHeight * w.KernelWidth);
        for (int c = 0; c < _spec.InPerGroup; c++, input += w.InHeight * w.InWidth)
            for (int ky = 0; ky < w.KernelHeight; ky++, weight += w.KernelWidth)
            {
                int y = top + (ky * w.DilationY);
                if ((uint)y >= (uint)w.InHeight) continue;
                float* line = input + ((long)y * w.InWidth);
                for (int kx = 0, column = left; kx < w.KernelWidth; kx++, column += w.DilationX)
                    if ((uint)column < (uint)w.InWidth) s += weight[kx] * line[column];
            }
        return s;
    }
}
