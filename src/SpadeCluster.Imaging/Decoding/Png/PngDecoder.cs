using System.IO.Compression;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// PNG (W3C PNG specification, third edition): every colour type, 1 to 16 bits, interlaced or not, palette and transparency.
/// Alpha is composited on black, 16 bits are rounded to 8. Strict: a wrong checksum anywhere is an error.
/// </summary>
public sealed class PngDecoder : IImageDecoder
{
    // The first column and row and the steps of Adam7's seven passes.
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static readonly (int X, int Y, int StepX, int StepY)[] Whole = [(0, 0, 1, 1)];

    public IReadOnlyList<string> Formats => ["PNG"];

    public bool CanDecode(ReadOnlySpan<byte> data) => data.StartsWith(PngFile.Signature);

    public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!CanDecode(data))
            throw Undecodable.Because("it is not a PNG file");
        var file = PngFile.Parse(data, limits);
        var pixels = new PngPixels(file);
        var header = file.Header;
        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * header.Width * header.Height);
        try
        {
            using var rows = new ZLibStream(new MemoryStream(file.Compressed(data)), CompressionMode.Decompress);
            foreach (var pass in header.Interlaced ? Adam7 : Whole)
                ReadPass(rows, header, pixels, pass, rgb);
            // Reading past the last row makes zlib compare its checksum, and never inflates what should not be there.
            if (rows.ReadByte() >= 0)
                throw Undecodable.Because("the PNG file is damaged: it has more data than its size allows");
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw Undecodable.Because("the PNG file is damaged: its compressed data is invalid or incomplete", e);
        }
        return new RgbImage(header.Width, header.Height, rgb);
    }

    private static void ReadPass(ZLibStream rows, PngHeader header, PngPixels pixels, (int X, int Y, int StepX, int StepY) pass, byte[] rgb)
    {
        int width = (header.Width - pass.X + pass.StepX - 1) / pass.StepX;
        if (width <= 0)
            return;
        int bytes = header.RowBytes(width);
        // Each buffer: the filter's byte, then the row; the two change roles from row to row.
        byte[] current = new byte[bytes + 1], above = new byte[bytes + 1];
        for (int y = pass.Y; y < header.Height; y += pass.StepY)
        {
            rows.ReadExactly(current);
            PngFilter.Restore(current[0], current.AsSpan(1), above.AsSpan(1), header.FilterStep);
            pixels.Convert(current.AsSpan(1), width, rgb.AsSpan(3 * (y * header.Width + pass.X)), 3 * pass.StepX);
            (current, above) = (above, current);
        }
    }
}
