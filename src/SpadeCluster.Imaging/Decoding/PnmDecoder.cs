using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// Netpbm's PBM, PGM and PPM, plain (P1 to P3) and raw (P4 to P6), with sample maxima of 1 to 65535, scaled to 8 bits and
/// rounded to the nearest. Only the first image of a file is read.
/// </summary>
public sealed class PnmDecoder : IImageDecoder
{
    public IReadOnlyList<string> Formats => ["PNM"];

    public bool CanDecode(ReadOnlySpan<byte> data) => PnmHeader.IsPnm(data);

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        var header = PnmHeader.Parse(data, limits);
        int channels = header.Channels, width = header.Width;
        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * width * header.Height);
        var raster = data[header.RasterOffset..];
        if (header.Kind == 4)
            ReadBits(raster, width, rgb);
        else if (header.Plain)
            ReadPlain(raster, header.Bitmap, header.Max, channels, rgb);
        else
            ReadRaw(raster, header.Max, channels, rgb);
        return new RgbImage(width, header.Height, rgb);
    }

    private static void ReadBits(ReadOnlySpan<byte> raster, int width, byte[] rgb)
    {
        int rowBytes = (width + 7) / 8;
        for (int i = 0; i < rgb.Length / 3; i++)
        {
            var (y, x) = Math.DivRem(i, width);
            int ink = (raster[y * rowBytes + x / 8] >> (7 - x % 8)) & 1; // 1 is black
            rgb.AsSpan(3 * i, 3).Fill((byte)(ink == 1 ? 0 : 255));
        }
    }

    private static void ReadRaw(ReadOnlySpan<byte> raster, int max, int channels, byte[] rgb)
    {
        if (max == 255 && channels == 3)
        {
            raster[..rgb.Length].CopyTo(rgb);
            return;
        }
        bool wide = max > 255;
        for (int i = 0; i < rgb.Length / 3; i++)
            for (int c = 0; c < 3; c++)
            {
                int s = channels == 1 ? i : 3 * i + c;
                rgb[3 * i + c] = Scale(wide ? raster[2 * s] << 8 | raster[2 * s + 1] : raster[s], max);
            }
    }

    private static void ReadPlain(ReadOnlySpan<byte> raster, bool bitmap, int max, int channels, byte[] rgb)
    {
        int at = 0;
        for (int i = 0; i < rgb.Length; i += channels == 1 ? 3 : 1)
        {
            byte value = bitmap ? (byte)(255 - 255 * ReadBit(raster, ref at)) : Scale(PnmHeader.ReadNumber(raster, ref at), max);
            if (channels == 1)
                rgb.AsSpan(i, 3).Fill(value);
            else
                rgb[i] = value;
        }
    }

    private static byte Scale(long sample, int max) => sample <= max
        ? (byte)((sample * 255 + max / 2) / max)
        : throw Undecodable.Because($"the PNM file is damaged: a sample is {sample}, above the maximum of {max}");

    /// <summary>Plain bitmaps may write their digits without spaces.</summary>
    private static int ReadBit(ReadOnlySpan<byte> data, ref int at)
    {
        PnmHeader.SkipSpace(data, ref at);
        int bit = at < data.Length ? data[at++] - '0' : -1;
        return bit is 0 or 1 ? bit : throw Undecodable.Because("the PNM file is damaged or truncated: a 0 or 1 is missing");
    }
}
