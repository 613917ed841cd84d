namespace SpadeCluster.Imaging;

/// <summary>Parts of a stream as one stream, forward only.</summary>
internal sealed class PartsStream(Stream whole, IReadOnlyList<Range> parts) : ReadOnlyStream
{
    private int _part;
    private int _done;

    public override int Read(Span<byte> buffer)
    {
        for (; _part < parts.Count; (_part, _done) = (_part + 1, 0))
        {
            int begin = parts[_part].Start.Value, left = parts[_part].End.Value - begin - _done;
            if (left == 0) continue;
            whole.Position = begin + _done;
            int read = whole.Read(buffer[..Math.Min(left, buffer.Length)]);
            _done += read;
            return read;
        }
        return 0;
    }
}
