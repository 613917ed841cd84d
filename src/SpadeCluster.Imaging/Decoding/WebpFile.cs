using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>Checks of WebP files that ImageSharp does not make: it leaves the missing part of a truncated file black.</summary>
internal static class WebpFile
{
    private const int HeaderBytes = 12;

    public static bool IsWebp(ReadOnlySpan<byte> data)
        => data.Length >= HeaderBytes && data.StartsWith("RIFF"u8) && data[8..].StartsWith("WEBP"u8);

    /// <summary>Checks the length of the file and of every chunk.</summary>
    /// <exception cref="SpadeException">InvalidArgument: truncated.</exception>
    public static void Check(ReadOnlySpan<byte> data)
    {
        long end = 8L + BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
        if (end > data.Length)
            throw DecodeError.Because($"the WebP file is truncated: {end:N0} bytes by its header, but it has {data.Length:N0}");
        for (long at = HeaderBytes; at < end;)
        {
            if (end - at < 8) throw Overlong();
            long length = BinaryPrimitives.ReadUInt32LittleEndian(data[((int)at + 4)..]);
            if (length > end - at - 8) throw Overlong();
            at += 8 + length + (length & 1);
        }
    }

    private static SpadeException Overlong() => DecodeError.Because("the WebP file is damaged: one of its chunks extends beyond its end");
}
