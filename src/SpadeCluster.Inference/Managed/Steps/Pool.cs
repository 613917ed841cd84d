using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Max and average pooling. Windows are separable: the rows of a window are first combined, a vector of columns at a
/// time, into one row; then each output combines its columns of that row.
/// </summary>
internal sealed unsafe class Pool<S, V>(string name, Value input, Value output, WindowShape w, bool average, bool countPad) : Step(name, output, input)
    where S : struct, ISimd<V>
    where V : struct
{
    public override int Tasks => Output.Shape[1];
    public override int ScratchFloats => w.InWidth + 64;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* row)
    {
        float* x = Inputs[0].Pointer + ((long)task * w.InHeight * w.InWidth);
        float* y = Output.Pointer + ((long)task * w.OutHeight * w.OutWidth);
        for (int oy = 0; oy < w.OutHeight; oy++, y += w.OutWidth)
        {
            int top = (oy * w.StrideY) - w.PadTop, from = Math.Max(top, 0), to = Math.Min(top + w.KernelHeight, w.InHeight);
            Combine(x, from, to, row);
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
