using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Max and average pooling. Windows are separable: the rows of a window are first combined, a vector of columns at a
/// time, into one row; then each output combines its columns of that row: largest values a vector of outputs at a time where
/// the stride is 1 or 2, means one by one, since their divisors change at the edges.
/// </summary>
internal sealed unsafe class Pool<S, V>(string name, Value input, Value output, WindowShape w, bool average, bool countPad) : Step(name, output, input)
    where S : struct, ISimd<V>
    where V : struct
{
    public override int Tasks => Output.Shape[1];
    // The row, what lies left and right of it, and the slack that vectors run into.
    public override int ScratchFloats => w.PadLeft + w.InWidth + w.KernelWidth + (w.StrideX * w.OutWidth) + 64;

    private bool Vectors => !average && w.StrideX <= 2 && w.OutWidth >= S.Width;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        float* row = scratch + w.PadLeft;
        if (Vectors) new Span<float>(scratch, ScratchFloats).Fill(float.NegativeInfinity);
        float* x = Inputs[0].Pointer + ((long)task * w.InHeight * w.InWidth);
        float* y = Output.Pointer + ((long)task * w.OutHeight * w.OutWidth);
        for (int oy = 0; oy < w.OutHeight; oy++, y += w.OutWidth)
        {
            int top = (oy * w.StrideY) - w.PadTop, from = Math.Max(top, 0), to = Math.Min(top + w.KernelHeight, w.InHeight);
            Combine(x, from, to, row);
            if (Vectors)
            {
                Largest(row, y);
                continue;
            }
            int high = countPad ? Math.Min(top + w.KernelHeight, w.InHeight + w.PadBottom) - top : to - from;
            for (int ox = 0; ox < w.OutWidth; ox++)
            {
                int left = (ox * w.StrideX) - w.PadLeft, start = Math.Max(left, 0), end = Math.Min(left + w.KernelWidth, w.InWidth);
                if (average)
                {
                    float sum = 0;
                    for (int i = start; i < end; i++) sum += row[i];
                    int wide = countPad ? Math.Min(left + w.KernelWidth, w.InWidth + w.PadRight) - left : end - start;
                    y[ox] = sum / (high * wide);
                }
                else
                {
                    float largest = float.NegativeInfinity;
                    for (int i = start; i < end; i++) largest = row[i] > largest ? row[i] : largest;
                    y[ox] = largest;
                }
            }
        }
    }

    /// <summary>The last vector ends where the row of outputs does, and repeats some of the one before: beyond it another
    /// thread may be writing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Largest(float* row, float* y)
    {
        for (int i = w.InWidth; i < w.InWidth + S.Width; i++) row[i] = float.NegativeInfinity; // what Combine left in the slack
        for (int ox = 0; ox < w.OutWidth; ox += S.Width)
        {
            int at = Math.Min(ox, w.OutWidth - S.Width);
            float* window = row + (w.StrideX * at) - w.PadLeft;
            V v = S.Create(float.NegativeInfinity);
            for (int k = 0; k < w.KernelWidth; k++) v = S.Max(v, w.StrideX == 1 ? S.Load(window + k) : S.LoadEven(window + k));
            S.Store(y + at, v);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Combine(float* x, int from, int to, float* row)
    {
        int width = w.InWidth;
        for (int i = 0; i < width; i += S.Width) // may run into the slack behind the row
        {
            V v = S.Create(average ? 0 : float.NegativeInfinity);
            for (int r = from; r < to; r++)
            {
                V line = S.Load(x + ((long)r * width) + i);
                v = average ? S.Add(v, line) : S.Max(v, line);
            }
            S.Store(row + i, v);
        }
    }
}
