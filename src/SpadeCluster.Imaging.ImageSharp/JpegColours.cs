using SpadeCluster.Features;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// A JPEG's components, as ImageSharp decodes them, made into RGB as libjpeg does. ImageSharp repeats halved chroma samples
/// and computes colours in floats; libjpeg interpolates chroma by a triangle filter and computes in integers, as does every
/// program around it. So ImageSharp is asked for the components themselves, by a mark in the file's header that says they
/// are red, green and blue; of repeated samples the first is the sample.
/// </summary>
internal static class JpegColours
{
    /// <summary>APP14 of Adobe, version 100, colour transform 0: three components are RGB, one is grey.</summary>
    private static ReadOnlySpan<byte> NoTransform => [0xFF, 0xEE, 0, 14, (byte)'A', (byte)'d', (byte)'o', (byte)'b', (byte)'e', 0, 100, 0, 0, 0, 0, 0];

    /// <summary>The file with the mark just before its frame, so that it is the one that counts.</summary>
    public static byte[] WithoutTransform(ReadOnlySpan<byte> data, JpegHeader header) =>
        [.. data[..header.FrameOffset], .. NoTransform, .. data[header.FrameOffset..]];

    /// <summary>Turns the components of a file with the mark into RGB, where they are.</summary>
    public static void ToRgb(RgbImage image, JpegHeader header)
    {
        int stride = 3 * image.Width;
        ChromaUpsampling[] halved = [.. header.Components.Select((c, i) => new ChromaUpsampling(c, i, image)).Where(c => c.IsNeeded)];
        for (int y = 0; y < image.Height; y++)
        {
            foreach (var component in halved) component.Row(y);
            if (header.Components.Count == 3 && !header.IsRgb) FromYCbCr(image.Pixels.AsSpan(y * stride, stride));
        }
    }

    /// <summary>ITU-R BT.601 over the full range, in libjpeg's 16-bit fixed point.</summary>
    private static void FromYCbCr(Span<byte> row)
    {
        const int half = 1 << 15;
        for (int i = 0; i + 2 < row.Length; i += 3)
        {
            int y = row[i], cb = row[i + 1] - 128, cr = row[i + 2] - 128;
            row[i] = Clamp(y + ((91881 * cr + half) >> 16));
            row[i + 1] = Clamp(y + ((-22554 * cb - 46802 * cr + half) >> 16));
            row[i + 2] = Clamp(y + ((116130 * cb + half) >> 16));
        }
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value, 0, 255);
}
