using System.Collections.Concurrent;

namespace SpadeCluster.Imaging;

/// <summary>Reads another stream on a thread of its own, some blocks ahead of its reader.</summary>
internal sealed class ReadAheadStream : ReadOnlyStream
{
    private const int BlockBytes = 1 << 16, Blocks = 8;

    private readonly Stream _source;
    private readonly BlockingCollection<byte[]> _free = [];
    private readonly BlockingCollection<ArraySegment<byte>> _filled = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _reading;
    private ArraySegment<byte> _block = ArraySegment<byte>.Empty;
    private int _done;

    /// <param name="source">It is disposed with this stream.</param>
    public ReadAheadStream(Stream source)
    {
        _source = source;
        for (int i = 0; i < Blocks; i++) _free.Add(GC.AllocateUninitializedArray<byte>(BlockBytes));
        // Not one of the pool: its threads may all be decoding, and waiting for this one.
        _reading = Task.Factory.StartNew(ReadAll, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <exception cref="Exception">That of the source, after what was read before it.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_done == _block.Count)
        {
            if (_block.Array is { Length: > 0 } read) _free.Add(read);
            (_block, _done) = (ArraySegment<byte>.Empty, 0);
            if (!_filled.TryTake(out _block, Timeout.Infinite))
            {
                _block = ArraySegment<byte>.Empty;
                _reading.GetAwaiter().GetResult();
                return 0;
            }
        }
        int count = Math.Min(buffer.Length, _block.Count - _done);
        _block.AsSpan(_done, count).CopyTo(buffer);
        _done += count;
        return count;
    }

    private void ReadAll()
    {
        try
        {
            while (true)
            {
                byte[] block = _free.Take(_stop.Token);
                int read = _source.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
                if (read > 0) _filled.Add(new ArraySegment<byte>(block, 0, read));
                if (read < block.Length) return;
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody reads on.
        }
        finally
        {
            _filled.CompleteAdding();
        }
    }

    /// <summary>Waits until the source is not used any more.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Cancel();
            ((IAsyncResult)_reading).AsyncWaitHandle.WaitOne();
            _source.Dispose();
            _free.Dispose();
            _filled.Dispose();
            _stop.Dispose();
        }
        base.Dispose(disposing);
    }
}
