using System.Buffers.Binary;
using System.IO.Hashing;

namespace SpadeCluster.Imaging;

/// <summary>
/// A PNG file as the same picture in a PNG file without compression and filters, made while it is read. ImageSharp 2.1.13 inflates and
/// filters on one thread, byte by byte, and leaves missing rows black. Of this file it only has to convert samples to pixels.
/// </summary>
/// <remarks>ImageSharp reads each chunk twice, for its checksum and for its pixels, so the last two parts are kept.</remarks>
internal sealed class PlainPngStream : ReadOnlyStream
{
    private const int ChunkHead = 8, ChunkTail = 4, BlockHead = 5;

    /// <summary>Bytes of a chunk, unless one row has more. ImageSharp reads 8 KB at once, so that two parts suffice.</summary>
    private const int ChunkBytes = 1 << 16;

    private readonly PngFile _png;
    private readonly PngRows _rows;
    private readonly int _rowsPerChunk;
    private int _rowsDone;
    private long _position;
    private Part _before, _current;

    /// <param name="file">The whole file.</param>
    public PlainPngStream(PngFile png, ReadOnlySpan<byte> file, PngRows rows)
    {
        (_png, _rows) = (png, rows);
        // Blocks of deflate's stored kind have a length of 16 bits.
        int blocks = (png.RowBytes + ushort.MaxValue - 1) / ushort.MaxValue, storedRow = png.RowBytes + (BlockHead * blocks);
        _rowsPerChunk = Math.Clamp(ChunkBytes / storedRow, 1, png.Height);
        int chunks = (png.Height + _rowsPerChunk - 1) / _rowsPerChunk;
        int chunkBytes = ChunkHead + ZlibHead.Length + (_rowsPerChunk * storedRow) + ChunkTail + End.Length;
        (_before, _current) = (new Part(chunkBytes), new Part(Math.Max(chunkBytes, HeadBytes(png))));

        _current.Add(PngFile.Signature);
        foreach (var chunk in png.Head) _current.Add(file[chunk]);
        Length = _current.Count + ZlibHead.Length + ((long)png.Height * storedRow) + ((long)chunks * (ChunkHead + ChunkTail)) + End.Length;
    }

    public override bool CanSeek => true;

    public override long Length { get; }

    public override long Position
    {
        get => _position;
        set => _position = value >= _before.Begin && value <= _current.End ? value
            : throw new NotSupportedException("only the last two parts can be read again");
    }

    /// <summary>Begins the compressed data: a window of 32 KB, no dictionary.</summary>
    private static ReadOnlySpan<byte> ZlibHead => [0x78, 0x01];

    private static ReadOnlySpan<byte> End => [0, 0, 0, 0, (byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xAE, 0x42, 0x60, 0x82];

    /// <exception cref="SpadeException">As <see cref="PngRows.Next"/>.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_position == _current.End && _position < Length) NextChunk();
        int read = _position < _current.Begin ? _before.Read(_position, buffer) : _current.Read(_position, buffer);
        _position += read;
        return read;
    }

    public override long Seek(long offset, SeekOrigin origin)
        => Position = offset + (origin switch { SeekOrigin.Begin => 0, SeekOrigin.Current => _position, _ => Length });

    private static int HeadBytes(PngFile png) => PngFile.Signature.Length + png.Head.Sum(c => c.End.Value - c.Start.Value);

    private void NextChunk()
    {
        (_before, _current) = (_current, _before);
        _current.Clear(_before.End);
        _current.Add("\0\0\0\0IDAT"u8);
        if (_rowsDone == 0) _current.Add(ZlibHead);
        for (int n = Math.Min(_rowsPerChunk, _png.Height - _rowsDone); n > 0; n--) AddRow(_rows.Next(), ++_rowsDone == _png.Height);
        _current.CloseChunk();
        if (_rowsDone == _png.Height) _current.Add(End);
    }

    private void AddRow(ReadOnlySpan<byte> row, bool isLast)
    {
        Span<byte> head = stackalloc byte[BlockHead];
        while (!row.IsEmpty)
        {
            var block = row[..Math.Min(row.Length, ushort.MaxValue)];
            row = row[block.Length..];
            head[0] = (byte)(isLast && row.IsEmpty ? 1 : 0);
            BinaryPrimitives.WriteUInt16LittleEndian(head[1..], (ushort)block.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(head[3..], (ushort)~block.Length);
            _current.Add(head);
            _current.Add(block);
        }
    }

    /// <summary>Bytes of the stream from <see cref="Begin"/> on.</summary>
    private sealed class Part(int capacity)
    {
        private readonly byte[] _bytes = new byte[capacity];

        public long Begin { get; private set; }

        public int Count { get; private set; }

        public long End => Begin + Count;

        public void Clear(long begin) => (Begin, Count) = (begin, 0);

        public void Add(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_bytes.AsSpan(Count));
            Count += bytes.Length;
        }

        /// <summary>Writes the length and the checksum of the only chunk.</summary>
        public void CloseChunk()
        {
            BinaryPrimitives.WriteInt32BigEndian(_bytes, Count - ChunkHead);
            uint checksum = Crc32.HashToUInt32(_bytes.AsSpan(4, Count - 4));
            BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(Count), checksum);
            Count += ChunkTail;
        }

        public int Read(long position, Span<byte> buffer)
        {
            var rest = _bytes.AsSpan((int)(position - Begin), (int)(End - position));
            rest = rest[..Math.Min(rest.Length, buffer.Length)];
            rest.CopyTo(buffer);
            return rest.Length;
        }
    }
}
