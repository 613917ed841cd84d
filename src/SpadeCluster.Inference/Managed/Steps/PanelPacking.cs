using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Copies what a convolution's kernel sees of the input into a panel [k][pixels]: row k holds, for a run of output
/// pixels (row-major), the input value under kernel tap k = (channel, ky, kx), 0 where the tap lies in the padding.
/// </summary>
internal static unsafe class PanelPacking<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <param name="input">The first channel of the group.</param>
    /// <param name="firstTap">k of the panel's first row; <paramref name="taps"/> rows are written.</param>
    /// <param name="pixel">The first output pixel; <paramref name="pixels"/> (a multiple of the width, and possibly
    /// beyond the last output pixel) columns are written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(WindowShape w, float* input, int firstTap, int taps, int pixel, int pixels, float* panel)
    {
        int plane = w.InHeight * w.InWidth, tapsPerChannel = w.KernelHeight * w.KernelWidth;
        int channel = firstTap / tapsPerChannel, tap = firstTap % tapsPerChannel;
        int ky = tap / w.KernelWidth, kx = tap % w.KernelWidth;
        int used = Math.Min(pixels, (w.OutHeight * w.OutWidth) - pixel); // columns beyond are never stored
        int firstRow = pixel / w.OutWidth, firstColumn = pixel % w.OutWidth;
        // With stride 1 and as many columns out as in, a tap only shifts the image: one copy, then zeros at the borders.
        bool shifts = w.StrideY == 1 && w.StrideX == 1 && w.OutWidth == w.InWidth && (w.PadTop + 1L) * w.InWidth + w.PadLeft < NativeBuffer.Slack
            && (w.KernelHeight * (long)w.DilationY * w.InWidth) + (w.KernelWidth * w.DilationX) + pixels < NativeBuffer.Slack;
        for (int k = 0; k < taps; k++)
        {
            float* source = input + ((long)channel * plane);
            int dy = (ky * w.DilationY) - w.PadTop, dx = (kx * w.DilationX) - w.PadLeft;
            if (shifts)
            {
                float* shifted = source + pixel + (dy * w.InWidth) + dx;
                for (int i = 0; i < pixels; i += S.Width) S.Store(panel + i, S.Load(shifted + i));
                if (dy != 0 || dx != 0 || w.OutHeight > w.InHeight) ZeroBorder(w, dy, dx, firstRow, firstColumn, used, panel);
            }
            else
            {
                Gather(w, source, dy, dx, firstRow, firstColumn, used, panel);
            }
            panel += pixels;
            if (++kx == w.KernelWidth)
            {
                kx = 0;
                if (++ky == w.KernelHeight) (ky, channel) = (0, channel + 1);
            }
        }
    }

    private static void ZeroBorder(WindowShape w, int dy, int dx, int row, int column, int used, float* panel)
    {
        int start = -column; // where the current row begins in the panel; negative for a row begun earlier
        for (; start < used; row++, start += w.OutWidth)
        {
            int from = Math.Max(start, 0), to = Math.Min(start + w.OutWidth, used);
            if ((uint)(row + dy) >= (uint)w.InHeight)
            {
                for (int i = from; i < to; i++) panel[i] = 0;
            }
            else if (dx < 0)
            {
                for (int i = from, end = Math.Min(to, start - dx); i < end; i++) panel[i] = 0;
            }
            else if (dx > 0)
            {
                for (int i = Math.Max(from, start + w.OutWidth - dx); i < to; i++) panel[i] = 0;
            }
        }
    }

    /// <summary>Row by row of the output: zeros, a strided copy, zeros. Copies may run over into columns written later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather(WindowShape w, float* source, int dy, int dx, int row, int column, int used, float* panel)
    {
        int stride = w.StrideX;
        // Output columns whose tap lies inside the input.
        int inside = dx >= 0 ? 0 : (stride - 1 - dx) / stride, outside = dx >= w.InWidth ? 0 : Math.Min(w.OutWidth, ((w.InWidth - 1 - dx) / stride) + 1);
        for (int i = 0; i < used; row++, column = 0)
        {
            int count = Math.Min(w.OutWidth - column, used - i), y = (row * w.StrideY) + dy;
            float* p = panel + i;
            i += count;
            if ((uint)y >= (uint)w.InHeight)
            {
                for (int j = 0; j < count; j++) p[j] = 0;
                continue;
            }
            int first = Math.Clamp(inside - column, 0, count), end = Math.Clamp(outside - column, first, count), at = 0;
            float* line = source + ((long)y * w.InWidth) + dx + ((long)column * stride);
            for (; at < first; at++) p[at] = 0;
            if (stride == 1) for (; at < end; at += S.Width) S.Store(p + at, S.Load(line + at));
            else if (stride == 2) for (; at < end; at += S.Width) S.Store(p + at, S.LoadEven(line + (2 * at)));
            else for (; at < end; at++) p[at] = line[at * stride];
            for (at = end; at < count; at++) p[at] = 0;
        }
    }
}
