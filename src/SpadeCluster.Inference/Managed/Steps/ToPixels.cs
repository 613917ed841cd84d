using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Turns a level [1, C, H, W] into the canonical [y][x][channel]. The last step of a plan: its target changes with every
/// image. Copies blocks of 16 x 16, whose cache lines are all used before they are evicted.
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
                for (int i = p, lastPixel = Math.Min(p + Block, end); i < lastPixel; i++)
                    for (int j = c, lastChannel = Math.Min(c + Block, channels); j < lastChannel; j++)
                        y[((long)i * channels) + j] = x[((long)j * pixels) + i];
    }
}
