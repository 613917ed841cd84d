using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// JPEG through the system's libturbojpeg with libjpeg's default (accurate) transform and upsampling: the same pixels as
/// Pillow. Greyscale, RGB, CMYK and YCCK, baseline, progressive and arithmetic. Damaged or missing data is an error. EXIF
/// orientation is not applied: a fixed camera stores what it sees, and Pillow's convert does not apply it either.
/// </summary>
public sealed unsafe class JpegDecoder : IImageDecoder
{
    /// <summary>True where libturbojpeg is installed.</summary>
    public static bool IsAvailable => TurboJpeg.IsAvailable;

    public IReadOnlyList<string> Formats => ["JPEG"];

    public bool CanDecode(ReadOnlySpan<byte> data) => data.StartsWith<byte>([0xFF, 0xD8, 0xFF]);

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!CanDecode(data))
            throw Undecodable.Because("it is not a JPEG file");
        JpegScans.Check(data);
        var library = TurboJpeg.Instance;
        nint handle = library.Open();
        try
        {
            fixed (byte* bytes = data)
            {
                if (!library.ReadHeader(handle, bytes, data.Length, out int width, out int height, out int colorspace))
                    throw Failed(library, handle);
                limits.CheckSize(width, height);
                bool cmyk = colorspace is TurboJpeg.ColorspaceCmyk or TurboJpeg.ColorspaceYcck;
                byte[] pixels = GC.AllocateUninitializedArray<byte>(checked((cmyk ? 4 : 3) * width * height));
                fixed (byte* target = pixels)
                    if (!library.Decode(handle, bytes, data.Length, target, width, height,
                        cmyk ? TurboJpeg.PixelsCmyk : TurboJpeg.PixelsRgb, TurboJpeg.StopOnWarning | TurboJpeg.LimitScans))
                        throw Failed(library, handle);
                return new RgbImage(width, height, cmyk ? FromInvertedCmyk(pixels) : pixels);
            }
        }
        finally
        {
            library.Close(handle);
        }
    }

    private static SpadeException Failed(TurboJpeg library, nint handle) =>
        Undecodable.Because($"the JPEG file is damaged, truncated or of an unsupported kind (libturbojpeg: {library.ErrorText(handle).Trim()})");

    /// <summary>JPEG files store CMYK inverted (Adobe's convention, which Pillow assumes too): 255 is no ink.</summary>
    private static byte[] FromInvertedCmyk(byte[] cmyk)
    {
        var rgb = new byte[cmyk.Length / 4 * 3];
        for (int i = 0; i < cmyk.Length / 4; i++)
        {
            int white = cmyk[4 * i + 3];
            for (int c = 0; c < 3; c++)
            {
                // Pillow's rounding of ink * white / 255.
                int t = (255 - cmyk[4 * i + c]) * white + 128;
                rgb[3 * i + c] = (byte)(white - (((t >> 8) + t) >> 8));
            }
        }
        return rgb;
    }
}
