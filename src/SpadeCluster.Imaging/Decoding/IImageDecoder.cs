using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>Decodes one file format to 8-bit RGB. Safe for concurrent calls.</summary>
public interface IImageDecoder
{
    /// <summary>What it reads, for messages.</summary>
    IReadOnlyList<string> Formats { get; }

    /// <summary>True if a file with these bytes is of this decoder's format; headers are looked at, at most. Never fails.</summary>
    bool CanDecode(ReadOnlySpan<byte> data);

    /// <summary>Decodes a whole file. Nothing is allocated before the header's size was held against <paramref name="limits"/>.</summary>
    /// <exception cref="SpadeException">InvalidArgument: damaged, truncated or of an unsupported kind. ResourceExhausted:
    /// over the limits. Unavailable: a system library is missing.</exception>
    RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits);
}
