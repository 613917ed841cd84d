using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>
/// P5 and P6 files: a text header and raw pixels, which are handled like a camera's frames. ImageSharp 2.1.13 does not read them, because
/// it skips first pixels that look like white space or a comment, which one photograph of fifty has.
/// </summary>
internal static class PnmFile
{
    public static bool IsPnm(ReadOnlySpan<byte> data) =>
        data.Length >= 3 && data[0] == 'P' && data[1] is >= (byte)'1' and <= (byte)'6' && IsSpaceOrComment(data[2]);

    /// <exception cref="SpadeException">InvalidArgument: truncated, damaged, not supported. ResourceExhausted: over the limits.</exception>
    public static RgbImage Read(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (data[1] is not ((byte)'5' or (byte)'6'))
            throw DecodeError.Because($"PNM of kind P{(char)data[1]} is not supported; save it as P5 or P6, or as PNG");
        int at = 2;
        long width = Number(data, ref at), height = Number(data, ref at), max = Number(data, ref at);
        limits.CheckSize(width, height);
        if (max != 255) throw DecodeError.Because($"PNM with a maximum of {max} is not supported, only 255; save it as PNG");
        at++;
        long needed = width * height * (data[1] == '6' ? 3 : 1), there = Math.Max(0, data.Length - at);
        if (there < needed)
            throw DecodeError.Because($"the PNM file is truncated: {width}x{height} pixels need {needed:N0} bytes, but it has {there:N0}");
        return RawImage.ToRgb(data[1] == '6' ? RawFormat.Rgb8 : RawFormat.Gray8, (int)width, (int)height, data.Slice(at, (int)needed));
    }

    /// <exception cref="SpadeException">InvalidArgument: a damaged header.</exception>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> data)
    {
        int at = 2;
        long width = Number(data, ref at), height = Number(data, ref at);
        return ((int)Math.Min(width, int.MaxValue), (int)Math.Min(height, int.MaxValue));
    }

    /// <summary>The next number after white space and comments, which are from # to the end of the line.</summary>
    private static long Number(ReadOnlySpan<byte> data, ref int at)
    {
        for (; at < data.Length && IsSpaceOrComment(data[at]); at++)
            if (data[at] == '#')
                while (at + 1 < data.Length && data[at] != '\n') at++;
        int start = at;
        long number = 0;
        for (; at < data.Length && char.IsAsciiDigit((char)data[at]) && at - start < 10; at++)
            number = (10 * number) + data[at] - '0';
        return at > start && at < data.Length && IsSpaceOrComment(data[at]) ? number
            : throw DecodeError.Because("the PNM file is damaged or truncated: a number is missing in its header");
    }

    private static bool IsSpaceOrComment(byte b) => b is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or (byte)'#';
}
