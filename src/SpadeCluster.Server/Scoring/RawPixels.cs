using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using SpadeCluster.Imaging;

namespace SpadeCluster.Server.Scoring;

/// <summary>
/// Bare pixels from a camera, described by headers: <c>X-Pixel-Format</c> (rgb8, bgr8, gray8, gray16 little-endian),
/// <c>X-Width</c>, <c>X-Height</c> and, where rows are padded, <c>X-Stride</c> in bytes. They become a PNM file, so that the rest
/// of the way is that of any photograph, and the same pixels have the same id whether sent bare or as that file.
/// </summary>
internal static class RawPixels
{
    public const string FormatHeader = "X-Pixel-Format";

    public static byte[] ToImageFile(IHeaderDictionary headers, byte[] pixels)
        => ToImageFile(headers[FormatHeader].ToString(), Number(headers, "X-Width"), Number(headers, "X-Height"), headers.ContainsKey("X-Stride") ? Number(headers, "X-Stride") : null, pixels);

    /// <exception cref="SpadeException">InvalidArgument: unknown format, or another number of bytes than the size takes.
    /// ResourceExhausted: too many pixels.</exception>
    public static byte[] ToImageFile(string format, int width, int height, int? stride, ReadOnlySpan<byte> pixels)
    {
        int pixelBytes = format.ToLowerInvariant() switch
        {
            "rgb8" or "bgr8" => 3,
            "gray8" => 1,
            "gray16" => 2,
            _ => throw Invalid($"pixel format '{SentImage.Harmless(format, "")}' is not known: use rgb8, bgr8, gray8 or gray16"),
        };
        ImageLimits.Default.CheckSize(width, height);
        long row = (long)width * pixelBytes, step = stride ?? row, needed = step * (height - 1) + row;
        if (step < row) throw Invalid($"a stride of {step} bytes is too short for {width} pixels of {format}, which take {row}");
        if (pixels.Length != needed && pixels.Length != step * height) throw Invalid($"{width}x{height} pixels of {format} take {needed} bytes, the body has {pixels.Length}");

        string head = string.Create(CultureInfo.InvariantCulture, $"P{(pixelBytes == 3 ? 6 : 5)}\n{width} {height}\n{(pixelBytes == 2 ? 65535 : 255)}\n");
        byte[] file = new byte[head.Length + row * height];
        Encoding.ASCII.GetBytes(head, file);
        for (int y = 0; y < height; y++)
        {
            var target = file.AsSpan(head.Length + (int)(y * row), (int)row);
            pixels.Slice((int)(y * step), (int)row).CopyTo(target);
            // PNM is RGB, and big-endian.
            if (pixelBytes == 2) for (int i = 0; i < target.Length; i += 2) (target[i], target[i + 1]) = (target[i + 1], target[i]);
            else if (format.StartsWith("b", StringComparison.OrdinalIgnoreCase)) for (int i = 0; i < target.Length; i += 3) (target[i], target[i + 2]) = (target[i + 2], target[i]);
        }
        return file;
    }

    private static int Number(IHeaderDictionary headers, string name)
        => int.TryParse(headers[name].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
            : throw Invalid($"bare pixels need the header {name}, a whole number above 0");

    private static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
