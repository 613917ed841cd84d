using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>Checks of JPEG files that ImageSharp does not make: it leaves the missing part of a truncated file grey.</summary>
internal static class JpegFile
{
    /// <summary>Limited because each scan may need a pass over the whole image. Encoders write about ten.</summary>
    private const int MaxScans = 64;

    private const byte StartOfImage = 0xD8, EndOfImage = 0xD9, StartOfScan = 0xDA;

    public static bool IsJpeg(ReadOnlySpan<byte> data) => data.StartsWith((ReadOnlySpan<byte>)[0xFF, StartOfImage, 0xFF]);

    /// <summary>Reads the markers up to the end of the image. The rest is ignored, because cameras append previews.</summary>
    /// <exception cref="SpadeException">InvalidArgument: truncated, damaged, not supported.</exception>
    public static void Check(ReadOnlySpan<byte> data)
    {
        int scans = 0;
        for (int at = 2; ;)
        {
            // Entropy-coded bytes are skipped: in them FF is followed by 0 or a restart marker.
            int marker = data[Math.Min(at, data.Length)..].IndexOf((byte)0xFF);
            if (marker < 0 || (at += marker) + 1 >= data.Length) break;
            byte code = data[at + 1];
            if (code == EndOfImage && scans > 0) return;
            if (code == 0xFF) at++;
            else if (code is 0 or 1 or (>= 0xD0 and <= StartOfImage)) at += 2;
            else
            {
                if (at + 4 > data.Length) break;
                int length = BinaryPrimitives.ReadUInt16BigEndian(data[(at + 2)..]);
                if (length < 2 || at + 2 + length > data.Length) break;
                if (IsFrame(code)) CheckSampling(data.Slice(at + 4, length - 2));
                if (code == StartOfScan && ++scans > MaxScans) throw DecodeError.Because($"the JPEG file has more than {MaxScans} scans");
                at += 2 + length;
            }
        }
        throw DecodeError.Because("the JPEG file is damaged or truncated: its end is missing");
    }

    /// <summary>SOF0 to SOF15 without the three codes that are tables.</summary>
    private static bool IsFrame(byte code) => code is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    /// <summary>ImageSharp enlarges components by whole factors only; for 3:2 it would use wrong samples.</summary>
    private static void CheckSampling(ReadOnlySpan<byte> frame)
    {
        int count = frame.Length < 6 ? 0 : frame[5], across = 0, down = 0;
        if (count == 0 || frame.Length < 6 + (3 * count))
            throw DecodeError.Because("the JPEG file is damaged: its frame header is too short");
        for (int at = 7; at < 7 + (3 * count); at += 3) (across, down) = (Math.Max(across, frame[at] >> 4), Math.Max(down, frame[at] & 15));
        for (int at = 7; at < 7 + (3 * count); at += 3)
            if ((frame[at] >> 4, frame[at] & 15) is var (x, y) && (x == 0 || y == 0 || across % x != 0 || down % y != 0))
                throw DecodeError.Because("JPEG with this chroma sampling is not supported; save it as 4:2:0, 4:2:2 or 4:4:4");
    }
}
