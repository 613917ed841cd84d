using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

internal static class JpegScans
{
    /// <summary>Usual progressive files have about ten; each scan may cost a pass over the whole image.</summary>
    private const int Most = 64;

    /// <exception cref="SpadeException">InvalidArgument: more scans than any honest file has.</exception>
    public static void Check(ReadOnlySpan<byte> data)
    {
        if (Count(data) > Most) throw Undecodable.Because($"the JPEG file has more than {Most} scans");
    }

    /// <summary>Scans (SOS markers) between the file's start and its end marker; thumbnails inside other segments and
    /// whatever follows the image are not counted.</summary>
    private static int Count(ReadOnlySpan<byte> data)
    {
        int scans = 0, at = 2;
        while (true)
        {
            int marker = data[Math.Min(at, data.Length)..].IndexOf((byte)0xFF);
            if (marker < 0 || (at += marker) + 3 >= data.Length)
                return scans;
            int code = data[at + 1];
            if (code == 0xD9)
                return scans;
            if (code == 0xDA)
                scans++;
            // FF 00 is a data byte, FF FF fill, D0 to D7 restart marks; all other markers begin a segment with its length.
            at += code == 0xFF ? 1 : code is 0 or 1 or (>= 0xD0 and <= 0xD8) ? 2 : 2 + BinaryPrimitives.ReadUInt16BigEndian(data[(at + 2)..]);
        }
    }
}
