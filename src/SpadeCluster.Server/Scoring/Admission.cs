using Microsoft.AspNetCore.Http;

namespace SpadeCluster.Server.Scoring;

/// <summary>
/// Decides who gets in. A request is admitted, with room for its body, before its body is read, so that memory is bounded
/// whatever arrives; it holds one of the few scoring slots only while it is being scored, never while its body arrives or its
/// decision goes to the disk.
/// </summary>
public sealed class Admission(ServerOptions options)
{
    private readonly SemaphoreSlim _slots = new(options.Slots);
    private int _admitted, _refused;
    private long _bytes;

    public int Admitted => Volatile.Read(ref _admitted);
    public int Refused => Volatile.Read(ref _refused);
    public int Scoring => options.Slots - _slots.CurrentCount;
    public long BytesInFlight => Interlocked.Read(ref _bytes);

    /// <summary>Admits a request; dispose when it is answered.</summary>
    /// <exception cref="SpadeException">ResourceExhausted, with a time to come back: too many requests or bytes are in flight.</exception>
    /// <exception cref="BadHttpRequestException">413: the body is too large for this server at any time.</exception>
    internal Ticket Admit(HttpRequest request)
    {
        // Of a body of unknown length the most is assumed.
        long bytes = request.ContentLength ?? options.MaxBodyBytes;
        if (bytes > options.MaxBodyBytes) throw new BadHttpRequestException("too large", StatusCodes.Status413PayloadTooLarge);
        if (Interlocked.Increment(ref _admitted) > options.Slots + options.Queue) throw Refuse(0, $"{options.Slots + options.Queue} images are waiting already");
        if (Interlocked.Add(ref _bytes, bytes) > Math.Max(options.MaxBytesInFlight, options.MaxBodyBytes)) throw Refuse(bytes, "too many large photographs are waiting already");
        return new Ticket(this, bytes);

        SpadeException Refuse(long taken, string why)
        {
            Interlocked.Decrement(ref _admitted);
            Interlocked.Add(ref _bytes, -taken);
            Interlocked.Increment(ref _refused);
            return new SpadeException(SpadeError.ResourceExhausted, $"{why}; try again in a second") { RetryAfter = TimeSpan.FromSeconds(1) };
        }
    }

    /// <summary>Runs <paramref name="work"/> in a scoring slot.</summary>
    internal async Task<T> RunAsync<T>(Func<ValueTask<T>> work, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            // Scoring computes on the thread that calls it: a pool thread, so that callers stay free to answer others.
            return await Task.Run(async () => await work(), cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    internal sealed class Ticket(Admission admission, long bytes) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) != 0) return;
            Interlocked.Decrement(ref admission._admitted);
            Interlocked.Add(ref admission._bytes, -bytes);
        }
    }
}
