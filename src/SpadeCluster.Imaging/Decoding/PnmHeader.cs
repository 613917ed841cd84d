namespace SpadeCluster.Imaging;

/// <summary>The header of a PBM, PGM or PPM file, and how its numbers are written.</summary>
/// <param name="Kind">1 to 6, as in P1 to P6.</param>
/// <param name="Max">The sample maximum; 1 for bitmaps.</param>
/// <param name="RasterOffset">Where the samples begin in the file.</param>
internal readonly record struct PnmHeader(int Kind, int Width, int Height, int Max, int RasterOffset)
{
    public bool Bitmap => Kind is 1 or 4;
    public bool Plain => Kind <= 3;
    public int Channels => Kind is 3 or 6 ? 3 : 1;

    public static bool IsPnm(ReadOnlySpan<byte> head) =>
        head.Length >= 3 && head[0] == 'P' && head[1] is >= (byte)'1' and <= (byte)'6' && (IsSpace(head[2]) || head[2] == '#');

    /// <summary>Reads and checks the header; also that the file has as many bytes as its samples take at least.</summary>
    public static PnmHeader Parse(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (!IsPnm(data))
            throw Undecodable.Because("it is not a PNM file");
        int kind = data[1] - '0', at = 2;
        long width = ReadNumber(data, ref at), height = ReadNumber(data, ref at);
        long max = kind is 1 or 4 ? 1 : ReadNumber(data, ref at);
        limits.CheckSize(width, height);
        if (max is < 1 or > 65535)
            throw Undecodable.Because($"the PNM header's sample maximum is {max}, not 1 to 65535");

        long samples = width * height * (kind is 3 or 6 ? 3 : 1);
        // The least a raster of this size takes: refuse truncated files before taking memory for their pixels.
        long least = kind switch { 1 => samples, 2 or 3 => 2 * samples - 1, 4 => (width + 7) / 8 * height, _ => max < 256 ? samples : 2 * samples };
        if (kind > 3)
        {
            if (at >= data.Length || !IsSpace(data[at]))
                throw Undecodable.Because("the PNM header is damaged: no white space after it");
            at++;
        }
        if (data.Length - at < least)
            throw Undecodable.Because($"the PNM file is truncated: {width}x{height} pixels take at least {least:N0} bytes after the header, it has {data.Length - at:N0}");
        return new(kind, (int)width, (int)height, (int)max, at);
    }

    public static long ReadNumber(ReadOnlySpan<byte> data, ref int at)
    {
        SkipSpace(data, ref at);
        int start = at;
        long number = 0;
        for (; at < data.Length && char.IsAsciiDigit((char)data[at]) && at - start < 10; at++)
            number = 10 * number + data[at] - '0';
        if (at == start)
            throw Undecodable.Because("the PNM file is damaged or truncated: a number is missing");
        return number;
    }

    /// <summary>Skips white space, and comments from # to the end of the line.</summary>
    public static void SkipSpace(ReadOnlySpan<byte> data, ref int at)
    {
        for (; at < data.Length && (IsSpace(data[at]) || data[at] == '#'); at++)
            if (data[at] == '#')
                while (at + 1 < data.Length && data[at] is not ((byte)'\n' or (byte)'\r'))
                    at++;
    }

    private static bool IsSpace(byte b) => b is (byte)' ' or (>= 9 and <= 13);
}
