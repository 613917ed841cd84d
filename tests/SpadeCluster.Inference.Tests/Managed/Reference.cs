namespace SpadeCluster.Inference.Tests.Managed;

/// <summary>Operators as the ONNX specification words them: loops, double sums, no cleverness.</summary>
internal static class Reference
{
    public static Tensor Conv(Tensor x, Tensor w, float[] bias, int strideY, int strideX, int[] pads, int[] dilations, int groups)
    {
        int oh = ((x.Shape[2] + pads[0] + pads[2] - (dilations[0] * (w.Shape[2] - 1)) - 1) / strideY) + 1;
        int ow = ((x.Shape[3] + pads[1] + pads[3] - (dilations[1] * (w.Shape[3] - 1)) - 1) / strideX) + 1;
        var y = new Tensor(1, w.Shape[0], oh, ow);
        int inEach = x.Shape[1] / groups, outEach = w.Shape[0] / groups;
        foreach (int[] at in Tensor.Indices(y.Shape))
        {
            double sum = bias[at[1]];
            for (int c = 0; c < inEach; c++)
                for (int ky = 0; ky < w.Shape[2]; ky++)
                    for (int kx = 0; kx < w.Shape[3]; kx++)
                    {
                        int sy = (at[2] * strideY) - pads[0] + (ky * dilations[0]), sx = (at[3] * strideX) - pads[1] + (kx * dilations[1]);
                        if (sy < 0 || sx < 0 || sy >= x.Shape[2] || sx >= x.Shape[3]) continue;
                        sum += (double)w[(at[1] * inEach) + c, ky, kx] * x[(at[1] / outEach * inEach) + c, sy, sx];
                    }
            y[at[1], at[2], at[3]] = (float)sum;
        }
        return y;

    }

    /// <summary>Max and average pooling after PyTorch's words: windows beyond the padded input are cut, the last one starts
    /// inside the input or its leading pad.</summary>
    public static Tensor Pool(Tensor x, int kernel, int stride, int pad, bool ceil, bool average, bool countPad)
    {
        int Size(int n)
        {
            double windows = (n + (2 * pad) - kernel) / (double)stride;
            int size = (int)(ceil ? Math.Ceiling(windows) : Math.Floor(windows)) + 1;
            return ceil && (size - 1) * stride >= n + pad ? size - 1 : size;
        }
        var y = new Tensor(1, x.Shape[1], Size(x.Shape[2]), Size(x.Shape[3]));
        foreach (int[] at in Tensor.Indices(y.Shape))
        {
            double sum = 0, largest = double.NegativeInfinity;
            int inside = 0, padded = 0;
            for (int ky = 0; ky < kernel; ky++)
                for (int kx = 0; kx < kernel; kx++)
                {
                    int sy = (at[2] * stride) - pad + ky, sx = (at[3] * stride) - pad + kx;
                    if (sy < x.Shape[2] + pad && sx < x.Shape[3] + pad) padded++;
                    if (sy < 0 || sx < 0 || sy >= x.Shape[2] || sx >= x.Shape[3]) continue;
                    inside++;
                    sum += x[at[1], sy, sx];
                    largest = Math.Max(largest, x[at[1], sy, sx]);
                }
            y[at[1], at[2], at[3]] = (float)(average ? sum / (countPad ? padded : inside) : largest);
        }
        return y;
    }

    public static Tensor Binary(Tensor a, Tensor b, Func<float, float, float> op)
    {
        int rank = Math.Max(a.Shape.Length, b.Shape.Length);
        var shape = new int[rank];
        for (int d = 1; d <= rank; d++) shape[^d] = Math.Max(d <= a.Shape.Length ? a.Shape[^d] : 1, d <= b.Shape.Length ? b.Shape[^d] : 1);
        var y = new Tensor(shape);
        int i = 0;
        foreach (int[] at in Tensor.Indices(shape)) y.Data[i++] = op(a.Broadcast(at), b.Broadcast(at));
        return y;
    }

    /// <summary>Mean or maximum over axes, dimensions kept.</summary>
    public static Tensor Reduce(Tensor x, int[] axes, bool mean)
    {
        int[] shape = [.. x.Shape.Select((d, i) => axes.Contains(i) ? 1 : d)];
        var sums = new double[shape.Aggregate(1, (p, d) => p * d)];
        if (!mean) Array.Fill(sums, double.NegativeInfinity);
        foreach (int[] at in Tensor.Indices(x.Shape))
        {
            int to = 0;
            for (int d = 0; d < shape.Length; d++) to = (to * shape[d]) + (shape[d] == 1 ? 0 : at[d]);
            sums[to] = mean ? sums[to] + x.Broadcast(at) : Math.Max(sums[to], x.Broadcast(at));
        }
        int count = x.Data.Length / sums.Length;
        return new Tensor(shape, [.. sums.Select(s => (float)(mean ? s / count : s))]);
    }
}
