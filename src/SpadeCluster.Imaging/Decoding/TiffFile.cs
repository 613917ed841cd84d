using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>
/// Checks of TIFF directories that ImageSharp does not make: it fills the missing part of an uncompressed file with black, copies all
/// values of all pages also if a file repeats them without limit, and its fax and JPEG readers are unsafe. Classic TIFF, both byte orders.
/// </summary>
internal readonly ref struct TiffFile
{
    private const int ImageWidth = 256, ImageLength = 257, BitsPerSample = 258, Compression = 259, PhotometricInterpretation = 262;
    private const int StripOffsets = 273, SamplesPerPixel = 277, RowsPerStrip = 278, StripByteCounts = 279;
    private const int PlanarConfiguration = 284, ExtraSamples = 338;
    private const int EntryBytes = 12, MaxChannels = 4;

    private readonly ReadOnlySpan<byte> _data;
    private readonly bool _bigEndian;
    private readonly long _first, _count;

    private TiffFile(ReadOnlySpan<byte> data, long directory)
    {
        _data = data;
        _bigEndian = data[0] == 'M';
        (_first, _count) = (directory + 2, Number(directory, 2));
    }

    /// <summary>A fourth channel, or a second one with grey.</summary>
    public bool HasAlpha => Find(ExtraSamples) >= 0;

    public static bool IsTiff(ReadOnlySpan<byte> data) => data.StartsWith("II*\0"u8) || data.StartsWith("MM\0*"u8);

    /// <returns>The first page; the others are not decoded.</returns>
    /// <exception cref="SpadeException">InvalidArgument: a directory or some pixel data lies outside the file, there is not enough of
    /// it, or the kind is not supported. ResourceExhausted: over the limits.</exception>
    public static TiffFile Check(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        long start = new TiffFile(data, 0).Number(4, 4);
        CheckDirectories(data, start);
        var page = new TiffFile(data, start);
        page.CheckPixels(limits);
        return page;
    }

    /// <summary>The values of all pages together must not exceed the file's size, because in a valid file they do not overlap.</summary>
    private static void CheckDirectories(ReadOnlySpan<byte> data, long start)
    {
        long bytes = 0;
        for (long at = start; at != 0;)
        {
            var page = new TiffFile(data, at);
            bytes += page._count * EntryBytes;
            for (long i = 0; i < page._count; i++)
                if (page.ValueBytes(page._first + (i * EntryBytes)) is var length and > 4) bytes += length;
            if (bytes > data.Length)
                throw DecodeError.Because("the TIFF file is damaged: its directories refer to more than the file contains");
            long next = page.Number(page._first + (page._count * EntryBytes), 4);
            if (next != 0 && next <= at) throw DecodeError.Because("the TIFF file is damaged: its directories point backwards");
            at = next;
        }
    }

    private void CheckPixels(ImageLimits limits)
    {
        long width = First(ImageWidth, 0), height = First(ImageLength, 0);
        long samples = First(SamplesPerPixel, 1), depth = First(BitsPerSample, 1);
        limits.CheckSize(width, height);
        long compression = First(Compression, 1);
        if (compression is not (1 or 5 or 8 or 32773 or 32946) || First(PhotometricInterpretation, 1) > 3)
            throw DecodeError.Because(
                "only grey, RGB and palette TIFF is supported, uncompressed, LZW, Deflate or PackBits; save it as PNG");
        if (Find(BitsPerSample) < 0 || samples is < 1 or > MaxChannels || depth is < 1 or > 32)
            throw DecodeError.Because($"TIFF with {samples} channels of {depth} bits is not supported; save it with 8 or 16 bits");
        long offsets = Find(StripOffsets), lengths = Find(StripByteCounts);
        if (offsets < 0 || lengths < 0) throw DecodeError.Because("TIFF in tiles is not supported; save it in strips");

        long planes = First(PlanarConfiguration, 1) == 2 ? samples : 1, rowBytes = ((width * depth * samples / planes) + 7) / 8;
        long rows = First(RowsPerStrip, height), strips = rows < 1 ? 0 : (height + rows - 1) / rows;
        // ImageSharp computes the size of a strip in 32 bits.
        if (strips == 0 || rows > int.MaxValue / rowBytes)
            throw DecodeError.Because($"the TIFF file is damaged: it has strips of {rows} rows");
        if (strips * planes != Values(offsets) || strips * planes != Values(lengths)) throw Truncated();
        for (long i = 0; i < strips * planes; i++)
        {
            long at = Value(offsets, i), length = Value(lengths, i);
            long least = compression == 1 ? rowBytes * Math.Min(rows, height - (i % strips * rows)) : 1;
            if (at > _data.Length || length > _data.Length - at || length < least) throw Truncated();
        }
    }

    private long First(int tag, long otherwise) => Find(tag) is >= 0 and var entry ? Value(entry, 0) : otherwise;

    /// <returns>Offset of the entry; -1: there is none.</returns>
    private long Find(int tag)
    {
        for (long entry = _first; entry < _first + (_count * EntryBytes); entry += EntryBytes)
            if (Number(entry, 2) == tag) return entry;
        return -1;
    }

    private long Values(long entry) => Number(entry + 4, 4);

    private long ValueBytes(long entry)
        => Values(entry) * Number(entry + 2, 2) switch { 1 or 2 or 6 or 7 => 1, 3 or 8 => 2, 5 or 10 or 12 or 16 or 17 or 18 => 8, _ => 4 };

    /// <summary>Value <paramref name="index"/> of an entry: in the entry itself if all values fit, otherwise at its offset.</summary>
    private long Value(long entry, long index)
    {
        int width = Number(entry + 2, 2) switch
        {
            1 => 1,
            3 => 2,
            4 => 4,
            var kind => throw DecodeError.Because($"the TIFF file's directory has values of type {kind} instead of whole numbers"),
        };
        long start = ValueBytes(entry) <= 4 ? entry + 8 : Number(entry + 8, 4);
        return Number(start + (index * width), width);
    }

    private long Number(long at, int bytes)
    {
        if (at < 0 || at > _data.Length - bytes) throw Truncated();
        var span = _data.Slice((int)at, bytes);
        return bytes switch
        {
            1 => span[0],
            2 => _bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(span) : BinaryPrimitives.ReadUInt16LittleEndian(span),
            _ => _bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(span) : BinaryPrimitives.ReadUInt32LittleEndian(span),
        };
    }

    private static SpadeException Truncated()
        => DecodeError.Because("the TIFF file is damaged or truncated: its directory or pixels are beyond its end");
}
