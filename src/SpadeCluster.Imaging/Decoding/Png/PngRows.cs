using System.IO.Compression;

namespace SpadeCluster.Imaging;

/// <summary>Rows of a PNG file, inflated and without filters, from the first to the last.</summary>
internal sealed class PngRows : IDisposable
{
    /// <summary>A thread for less would take longer than it saves.</summary>
    private const long ReadAheadBytes = 1 << 20;

    private readonly PngFile _png;
    private readonly Stream _inflated;
    private readonly byte[] _stored;
    private byte[] _row, _above;
    private int _rows;

    /// <param name="file">The whole file; it is read until this is disposed.</param>
    /// <param name="threads">2 and more: a large image is inflated by another thread.</param>
    public PngRows(PngFile png, Stream file, int threads)
    {
        _png = png;
        (_stored, _row, _above) = (Buffer(), Buffer(), Buffer());
        _inflated = new ZLibStream(new PartsStream(file, png.Pixels), CompressionMode.Decompress);
        if (threads > 1 && (long)png.Height * png.RowBytes >= ReadAheadBytes) _inflated = new ReadAheadStream(_inflated);

        byte[] Buffer() => new byte[png.RowBytes + PngFilter.Margin];
    }

    /// <summary>The next row: 0, which is the filter of a row that has none, and its samples.</summary>
    /// <exception cref="SpadeException">InvalidArgument: damaged, or not as long as its size says.</exception>
    public ReadOnlySpan<byte> Next()
    {
        try
        {
            _inflated.ReadExactly(_stored, 0, _png.RowBytes);
            (_row, _above) = (_above, _row);
            if (!PngFilter.Undo(_stored[0], _stored.AsSpan(1), _above.AsSpan(1), _row.AsSpan(1), _png.PixelBytes))
                throw DecodeError.Because($"the PNG file is damaged: its row {_rows} has the unknown filter {_stored[0]}");
            // The end also holds a checksum of all rows, which is compared when it is read.
            if (++_rows == _png.Height && _inflated.ReadByte() >= 0)
                throw DecodeError.Because("the PNG file has more data than its size needs");
            return _row.AsSpan(0, _png.RowBytes);
        }
        catch (EndOfStreamException e)
        {
            throw DecodeError.Because("the PNG file's data is incomplete: it ends before the last row", e);
        }
        catch (InvalidDataException e)
        {
            throw DecodeError.Because("the PNG file's data is damaged", e);
        }
    }

    public void Dispose() => _inflated.Dispose();
}
