using System.Buffers.Binary;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// As much of a TIFF file's first directory as it takes to see whether all its pixel data is there, since ImageSharp fills what
/// is missing of an uncompressed file with black, and whether ImageSharp misreads its alpha. Classic TIFF and BigTIFF, both
/// byte orders.
/// </summary>
internal readonly ref struct TiffDirectory
{
    private const int BitsPerSample = 258, PlanarConfiguration = 284, ExtraSamples = 338;
    private const int StripOffsets = 273, StripByteCounts = 279, TileOffsets = 324, TileByteCounts = 325;
    private const int Short = 3, Long = 4, Long8 = 16;

    private readonly ReadOnlySpan<byte> _data;
    private readonly bool _bigEndian, _big;
    private readonly long _first, _count;

    private TiffDirectory(ReadOnlySpan<byte> data)
    {
        _data = data;
        (_bigEndian, _big) = (data[0] == 'M', data[2] + data[3] == '+'); // + marks BigTIFF, * the classic
        long directory = (long)Number(_big ? 8 : 4, _big ? 8 : 4);
        _count = (long)Number(directory, _big ? 8 : 2);
        _first = directory + (_big ? 8 : 2);
        if (_count < 0 || _count > data.Length / EntryBytes) throw Truncated();
    }

    private int EntryBytes => _big ? 20 : 12;

    public static bool IsTiff(ReadOnlySpan<byte> head) =>
        head.StartsWith("II*\0"u8) || head.StartsWith("MM\0*"u8) || head.StartsWith("II+\0"u8) || head.StartsWith("MM\0+"u8);

    /// <exception cref="SpadeException">InvalidArgument: the directory or some pixel data lies outside the file.</exception>
    public static void CheckComplete(ReadOnlySpan<byte> data)
    {
        var file = new TiffDirectory(data);
        long offsets = file.Find(StripOffsets, TileOffsets), lengths = file.Find(StripByteCounts, TileByteCounts);
        if (offsets < 0 || lengths < 0) throw Undecodable.Because("the TIFF file does not say where its pixels are");
        long pieces = Math.Min(file.Values(offsets), file.Values(lengths));
        for (long i = 0; i < pieces; i++)
        {
            ulong at = file.Value(offsets, i), length = file.Value(lengths, i);
            if (at > (ulong)data.Length || length > (ulong)data.Length - at) throw Truncated();
        }
    }

    /// <summary>True where colours are multiplied by alpha already, so are as they look on black, but ImageSharp 3.1.12 would
    /// multiply them again. In planes, and with 16 bits of Motorola's byte order, it divides by alpha, as it should.</summary>
    public static bool IsMultipliedAgain(ReadOnlySpan<byte> data)
    {
        var file = new TiffDirectory(data);
        long extra = file.Find(ExtraSamples), bits = file.Find(BitsPerSample), planes = file.Find(PlanarConfiguration);
        return extra >= 0 && file.Value(extra, 0) == 1 && bits >= 0 && (planes < 0 || file.Value(planes, 0) == 1)
            && (file.Value(bits, 0) == 8 || (file.Value(bits, 0) == 16 && !file._bigEndian));
    }

    /// <returns>The place of the last entry with one of the tags; -1: there is none.</returns>
    private long Find(int tag, int or = -1)
    {
        long found = -1;
        for (long entry = _first; entry < _first + (_count * EntryBytes); entry += EntryBytes)
            if ((int)Number(entry, 2) is var t && (t == tag || t == or)) found = entry;
        return found;
    }

    private long Values(long entry)
    {
        long count = (long)Number(entry + 4, _big ? 8 : 4);
        return count >= 0 && count <= _data.Length ? count : throw Truncated();
    }

    /// <summary>Value <paramref name="index"/> of an entry: in the entry itself where all fit, else where it points.</summary>
    private ulong Value(long entry, long index)
    {
        int kind = (int)Number(entry + 2, 2), room = _big ? 8 : 4, width = kind switch { Short => 2, Long => 4, Long8 => 8, _ => throw Undecodable.Because($"the TIFF file's directory has values of type {kind} where integers belong") };
        long place = entry + 4 + room;
        long start = Values(entry) * width <= room ? place : (long)Math.Min(Number(place, room), long.MaxValue);
        return Number(start + (index * width), width);
    }

    private ulong Number(long at, int bytes)
    {
        if (at < 0 || at > _data.Length - bytes) throw Truncated();
        var span = _data.Slice((int)at, bytes);
        return bytes switch
        {
            2 => _bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(span) : BinaryPrimitives.ReadUInt16LittleEndian(span),
            4 => _bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(span) : BinaryPrimitives.ReadUInt32LittleEndian(span),
            _ => _bigEndian ? BinaryPrimitives.ReadUInt64BigEndian(span) : BinaryPrimitives.ReadUInt64LittleEndian(span),
        };
    }

    private static SpadeException Truncated() => Undecodable.Because("the TIFF file is damaged or truncated: its directory or pixels lie beyond its end");
}
