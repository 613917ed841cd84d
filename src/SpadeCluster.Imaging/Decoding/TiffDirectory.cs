using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>
/// As much of a TIFF file's first directory as it takes to see whether all its pixel data is there, since ImageSharp fills what
/// is missing of an uncompressed file with black, and how ImageSharp treats its alpha. Classic TIFF and BigTIFF, both
/// byte orders.
/// </summary>
internal readonly ref struct TiffDirectory
{
    private const int ImageWidth = 256, ImageLength = 257, BitsPerSample = 258, Compression = 259, PhotometricInterpretation = 262;
    private const int SamplesPerPixel = 277, PlanarConfiguration = 284, ExtraSamples = 338;
    private const int StripOffsets = 273, RowsPerStrip = 278, StripByteCounts = 279;
    private const int TileWidth = 322, TileLength = 323, TileOffsets = 324, TileByteCounts = 325;
    private const int Byte = 1, Short = 3, Long = 4, Long8 = 16;

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

    /// <exception cref="SpadeException">InvalidArgument: the directory or some pixel data lies outside the file, or there is not
    /// enough of it. ResourceExhausted: over the limits.</exception>
    public static void CheckComplete(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        var file = new TiffDirectory(data);
        long offsets = file.Find(StripOffsets, TileOffsets), lengths = file.Find(StripByteCounts, TileByteCounts);
        if (offsets < 0 || lengths < 0) throw Undecodable.Because("the TIFF file does not say where its pixels are");
        var (pieces, rows, least) = file.Pieces(limits);
        if (pieces > Math.Min(file.Values(offsets), file.Values(lengths))) throw Truncated();
        for (long i = 0; i < pieces; i++)
        {
            ulong at = file.Value(offsets, i), length = file.Value(lengths, i);
            if (at > (ulong)data.Length || length > (ulong)data.Length - at || length < (ulong)(least * rows(i))) throw Truncated();
        }
    }

    /// <summary>Strips or tiles that the size takes, the rows of each, and the bytes that a row takes at least.</summary>
    private (long Count, Func<long, long> Rows, long RowBytes) Pieces(ImageLimits limits)
    {
        long width = First(ImageWidth, 0), height = First(ImageLength, 0), samples = Math.Min(First(SamplesPerPixel, 1), ushort.MaxValue);
        limits.CheckSize(width, height);
        long planes = 1, bits = Math.Min(First(BitsPerSample, 1), ushort.MaxValue) * samples;
        if (First(PlanarConfiguration, 1) == 2) (planes, bits) = (samples, bits / Math.Max(samples, 1));
        // Compressed data may be of any length, and so may that of halved chroma.
        if (First(Compression, 1) != 1 || First(PhotometricInterpretation, 1) == 6) bits = 0;
        if (Find(TileOffsets) >= 0)
        {
            long across = Math.Max(First(TileWidth, 0), 1), down = Math.Max(First(TileLength, 0), 1);
            return (Ceiling(width, across) * Ceiling(height, down) * planes, _ => down, Ceiling(across * bits, 8));
        }
        long each = Math.Clamp(First(RowsPerStrip, height), 1, height), strips = Ceiling(height, each);
        return (strips * planes, i => Math.Min(each, height - (i % strips * each)), Ceiling(width * bits, 8));
    }

    private static long Ceiling(long a, long b) => (a + b - 1) / b;

    /// <summary>True where colours are multiplied by alpha already, so as they look on black, and ImageSharp reads pixels back to
    /// divide them by their alpha, which OnBlack pixels have not. Other such files it divides on the way.</summary>
    public static bool IsDividedInPlace(ReadOnlySpan<byte> data)
    {
        var file = new TiffDirectory(data);
        return file.First(ExtraSamples, 0) == 1 && file.First(PlanarConfiguration, 1) == 1
            && (file.First(BitsPerSample, 1) == 8 || (file.First(BitsPerSample, 1) == 16 && !file._bigEndian));
    }

    /// <summary>An entry's first value; no honest one that is asked for here takes more than 32 bits.</summary>
    private long First(int tag, long otherwise) => Find(tag) is >= 0 and var entry ? (long)Math.Min(Value(entry, 0), uint.MaxValue) : otherwise;

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
        int kind = (int)Number(entry + 2, 2), room = _big ? 8 : 4, width = kind switch { Byte => 1, Short => 2, Long => 4, Long8 => 8, _ => throw Undecodable.Because($"the TIFF file's directory has values of type {kind} where integers belong") };
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
            1 => span[0],
            2 => _bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(span) : BinaryPrimitives.ReadUInt16LittleEndian(span),
            4 => _bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(span) : BinaryPrimitives.ReadUInt32LittleEndian(span),
            _ => _bigEndian ? BinaryPrimitives.ReadUInt64BigEndian(span) : BinaryPrimitives.ReadUInt64LittleEndian(span),
        };
    }

    private static SpadeException Truncated() => Undecodable.Because("the TIFF file is damaged or truncated: its directory or pixels lie beyond its end");
}
