using System.Runtime.InteropServices;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Features;
using ImageSharpJpegEncoder = SixLabors.ImageSharp.Formats.Jpeg.JpegEncoder;

namespace SpadeCluster.Imaging;

/// <summary>Writes JPEG: for pictures that people look at, a tenth of a PNG.</summary>
public static class JpegEncoder
{
    /// <param name="quality">1 to 100.</param>
    public static byte[] Encode(RgbImage image, int quality)
    {
        using var pixels = Image.LoadPixelData<Rgb24>(MemoryMarshal.Cast<byte, Rgb24>(image.Pixels), image.Width, image.Height);
        var memory = new MemoryStream();
        pixels.Save(memory, new ImageSharpJpegEncoder { Quality = quality });
        return memory.ToArray();
    }
}
