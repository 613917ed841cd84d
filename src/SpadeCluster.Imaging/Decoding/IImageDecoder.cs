using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Decodes one file format to 8-bit RGB. Safe for concurrent calls.</summary>
public interface IImageDecoder
{
    /// <summary>True if a file that begins with <paramref name="head"/> (its first 16 bytes, or all of a shorter file) is of this format.</summary>
    bool CanDecode(ReadOnlySpan<byte> head);

    /// <summary>Decodes a whole file. Nothing is allocated before the header's size was held against <paramref name="limits"/>.</summary>
    /// <exception cref="SpadeException">InvalidArgument: damaged, truncated or of an unsupported kind. ResourceExhausted:
    /// over the limits. Unavailable: a system library is missing.</exception>
    RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits);
}
