using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Advanced;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>A decoded photograph, read row by row: a large one is made smaller without a second copy of its pixels.</summary>
internal abstract class PixelRows(int width, int height) : IDisposable
{
    public int Width { get; } = width;

    public int Height { get; } = height;

    /// <summary>Row <paramref name="y"/>: three bytes (R, G, B) a pixel. Threads may read rows at the same time.</summary>
    /// <param name="buffer">Three bytes a pixel; it may be used for the row.</param>
    public abstract ReadOnlySpan<byte> Row(int y, Span<byte> buffer);

    public virtual RgbImage ToImage()
    {
        byte[] pixels = GC.AllocateUninitializedArray<byte>(3 * Width * Height);
        for (int y = 0; y < Height; y++)
        {
            var target = pixels.AsSpan(3 * y * Width, 3 * Width);
            Row(y, target).CopyTo(target);
        }
        return new RgbImage(Width, Height, pixels);
    }

    public virtual void Dispose() { }

    public static PixelRows Of(RgbImage image) => new Plain(image);

    public static PixelRows Of(Image<Rgb24> image) => new Opaque(image);

    /// <summary>With alpha on black.</summary>
    public static PixelRows Of(Image<Rgba32> image) => new Blended(image);

    private sealed class Plain(RgbImage image) : PixelRows(image.Width, image.Height)
    {
        public override ReadOnlySpan<byte> Row(int y, Span<byte> buffer) => image.Pixels.AsSpan(3 * y * Width, 3 * Width);

        public override RgbImage ToImage() => image;
    }

    private sealed class Opaque(Image<Rgb24> image) : PixelRows(image.Width, image.Height)
    {
        public override ReadOnlySpan<byte> Row(int y, Span<byte> buffer)
            => MemoryMarshal.AsBytes(image.DangerousGetPixelRowMemory(y).Span);

        public override void Dispose() => image.Dispose();
    }

    private sealed class Blended(Image<Rgba32> image) : PixelRows(image.Width, image.Height)
    {
        public override ReadOnlySpan<byte> Row(int y, Span<byte> buffer)
        {
            int at = 0;
            foreach (var p in image.DangerousGetPixelRowMemory(y).Span)
            {
                (buffer[at], buffer[at + 1], buffer[at + 2]) = (Times(p.R, p.A), Times(p.G, p.A), Times(p.B, p.A));
                at += 3;
            }
            return buffer;
        }

        public override void Dispose() => image.Dispose();

        /// <summary>value * alpha / 255, rounded to the nearest.</summary>
        private static byte Times(int value, int alpha) => (byte)(((value * alpha) + 127) / 255);
    }
}
