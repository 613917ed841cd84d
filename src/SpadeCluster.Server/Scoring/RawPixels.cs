using System.Globalization;
using Microsoft.AspNetCore.Http;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Server.Scoring;

/// <summary>
/// A camera's frame as the body of a request, described by headers: <c>X-Pixel-Format</c> (rgb8, bgr8, gray8, gray16
/// little-endian), <c>X-Width</c>, <c>X-Height</c> and, where rows are padded, <c>X-Stride</c> in bytes.
/// </summary>
internal static class RawPixels
{
    public const string FormatHeader = "X-Pixel-Format";

    public static IReadOnlyList<string> Formats { get; } = [.. Enum.GetNames<RawFormat>().Select(n => n.ToLowerInvariant())];

    /// <returns>The frame packed by <see cref="RawImage.Pack"/>.</returns>
    /// <exception cref="SpadeException">InvalidArgument: unknown format, or another number of bytes than the size requires.
    /// ResourceExhausted: too many pixels.</exception>
    public static byte[] Pack(IHeaderDictionary headers, string name, byte[] pixels)
    {
        string text = headers[FormatHeader].ToString();
        var format = text.ToLowerInvariant() switch
        {
            "rgb8" => RawFormat.Rgb8,
            "bgr8" => RawFormat.Bgr8,
            "gray8" => RawFormat.Gray8,
            "gray16" => RawFormat.Gray16,
            _ => throw Invalid($"pixel format '{SentImage.Harmless(text, "")}' is unknown: use rgb8, bgr8, gray8 or gray16"),
        };
        var (width, height) = (Number(headers, "X-Width"), Number(headers, "X-Height"));
        ImageLimits.Default.CheckSize(width, height);
        return new RawImage(name, format, width, height, pixels, headers.ContainsKey("X-Stride") ? Number(headers, "X-Stride") : 0).Pack();
    }

    private static int Number(IHeaderDictionary headers, string name)
        => int.TryParse(headers[name].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
            : throw Invalid($"raw pixels need the header {name}, a whole number above 0");

    private static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
