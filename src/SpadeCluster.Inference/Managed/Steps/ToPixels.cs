using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Turns a level [1, C, H, W] into the canonical [y][x][channel]. The last step of a plan: its target changes with every
/// image. Copies blocks of 16 x 16, whose cache lines are all used before they are evicted, by 4 x 4 transposed in registers.
/// </summary>
internal sealed unsafe class ToPixels(Value level) : Step($"output {level.Name}", level, level)
{
    private const int Block = 16, PixelsPerTask = 224;

    /// <summary>Pinned by the caller for the run; null for none.</summary>
    public float* Target { get; set; }

    private int Channels => Output.Shape[1];
    private int Pixels => Output.Length / Channels;

    public override int Tasks => (Pixels + PixelsPerTask - 1) / PixelsPerTask;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        if (Target is null) return;
        int channels = Channels, pixels = Pixels, first = task * PixelsPerTask, end = Math.Min(first + PixelsPerTask, pixels);
        float* x = Output.Pointer, y = Target;
        for (int p = first; p < end; p += Block)
            for (int c = 0; c < channels; c += Block)
                Copy(x, y, p, Math.Min(p + Block, end), c, Math.Min(c + Block, channels));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Copy(float* x, float* y, int pixel, int lastPixel, int channel, int lastChannel)
    {
        long channels = Channels, pixels = Pixels;
        for (int p = pixel; p < lastPixel; p += 4)
            for (int c = channel; c < lastChannel; c += 4)
            {
                float* from = x + (c * pixels) + p, to = y + (p * channels) + c;
                if (Sse.IsSupported && p + 4 <= lastPixel && c + 4 <= lastChannel)
                {
                    Transpose(from, pixels, to, channels);
                    continue;
                }
                for (int i = 0; i < Math.Min(4, lastPixel - p); i++)
                    for (int j = 0; j < Math.Min(4, lastChannel - c); j++)
                        to[(i * channels) + j] = from[(j * pixels) + i];
            }
    }

    /// <summary>Rows a, b, c, d of four become columns: pairs are interleaved (a0 b0 a1 b1), then pairs of pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* from, long fromStride, float* to, long toStride)
    {
        Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + fromStride), c = Vector128.Load(from + (2 * fromStride)), d = Vector128.Load(from + (3 * fromStride));
        Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d), ab2 = Sse.UnpackHigh(a, b), cd2 = Sse.UnpackHigh(c, d);
        Sse.MoveLowToHigh(ab, cd).Store(to);
        Sse.MoveHighToLow(cd, ab).Store(to + toStride);
        Sse.MoveLowToHigh(ab2, cd2).Store(to + (2 * toStride));
        Sse.MoveHighToLow(cd2, ab2).Store(to + (3 * toStride));
    }
}
