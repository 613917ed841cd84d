using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Server.Admission;

/// <summary>
/// Bounds the images in work by number and bytes, over HTTP and gRPC together, so that a server under any load has bounded memory
/// and serves what it admits in bounded time. Safe for concurrent calls.
/// <para>
/// At the limits, HTTP requests and unary calls are refused, and streams wait. Each of the two kinds can always have half of the limits:
/// streams never take more, and unary calls only while no stream waits. </para>
/// <para>
/// An image of a stream grows by its chunks. Unfinished images that wait for each other's bytes would never end, so one at a time may
/// exceed the limit until it is done: bytes are bounded by the limit plus one image of each kind. </para>
/// <para>
/// One caller can have at most three quarters of the images and bytes of each kind, so that others are still admitted.
/// </para>
/// </summary>
public sealed class AdmissionControl : IDisposable
{
    private readonly IOptions<AdmissionOptions> _options;
    private readonly Meter _meter = new(SpadeMeter.Name);
    private readonly Counter<long> _refusals;
    private int _refused;
    private readonly Lock _lock = new();
    // Chunks before new images, because only complete images free memory.
    private readonly LinkedList<Waiter> _chunks = [], _images = [];
    private Held _unary, _streams;
    private Place? _over;
    private readonly Dictionary<(bool Streamed, string Caller), Held> _callers = [];

    public AdmissionControl(IOptions<AdmissionOptions> options)
    {
        _options = options;
        _refusals = _meter.CreateCounter<long>("spade.refused", "{image}", "Images refused because the server is at its limit");
        _meter.CreateObservableGauge("spade.admitted", () => Requests, "{image}", "Images in work");
        _meter.CreateObservableGauge("spade.admitted.bytes", () => Bytes, "By", "Bytes of images in work");
    }

    public int Requests { get { lock (_lock) return _unary.Requests + _streams.Requests; } }

    public long Bytes { get { lock (_lock) return _unary.Bytes + _streams.Bytes; } }

    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Admits the image of an HTTP request or a unary call, or refuses it at once.</summary>
    /// <param name="caller">The caller whose share it counts for; null: none, without that limit.</param>
    /// <exception cref="SpadeException">ResourceExhausted, with the time after which to try again.</exception>
    public Place Admit(long bytes, string? caller = null)
    {
        lock (_lock)
            if (WithinShare(false, caller, bytes) && FitsUnary(bytes)) return Take(ref _unary, new Place(this, false, caller), bytes);
        Interlocked.Increment(ref _refused);
        _refusals.Add(1);
        throw new SpadeException(SpadeError.ResourceExhausted,
            "this server is at its limit of images in work; try again shortly")
        { RetryAfter = _options.Value.RetryAfter };
    }

    /// <summary>Admits an image of a stream; waits until that is possible.</summary>
    /// <param name="caller">As for <see cref="Admit"/>.</param>
    public Task<Place> AdmitInTurnAsync(long bytes, CancellationToken cancellationToken, string? caller = null)
    {
        lock (_lock)
            return NextChunk is null && NextImage is null && WithinShare(true, caller, bytes) && FitsImage(bytes)
                ? Task.FromResult(Take(ref _streams, new Place(this, true, caller), bytes))
                : WaitAsync(_images, new Waiter(null, bytes, caller), cancellationToken);
    }

    public void Dispose() => _meter.Dispose();

    private int StreamRequests => (_options.Value.MaxRequests + 1) / 2;

    private bool FitsUnary(long bytes)
    {
        var o = _options.Value;
        if (_unary.Requests + _streams.Requests >= o.MaxRequests) return false;
        bool ownHalf = _unary.Requests < o.MaxRequests - StreamRequests && (_unary.Requests == 0 || _unary.Bytes + bytes <= o.MaxBytes / 2);
        return ownHalf || (NextChunk is null && NextImage is null
            && (_unary.Requests == 0 || _unary.Bytes + _streams.Bytes + bytes <= o.MaxBytes));
    }

    /// <summary>The first waiting image that is not blocked by its caller's share; if no image exceeds the limit, the first one
    /// may.</summary>
    private LinkedListNode<Waiter>? NextChunk => _over is null ? _chunks.First : FirstWithinShare(_chunks);

    private LinkedListNode<Waiter>? NextImage => FirstWithinShare(_images);

    private LinkedListNode<Waiter>? FirstWithinShare(LinkedList<Waiter> line)
    {
        var node = line.First;
        while (node is not null && !WithinShare(true, node.Value.Caller, node.Value.Bytes, grows: node.Value.Place is not null))
            node = node.Next;
        return node;
    }

    private bool WithinShare(bool streamed, string? caller, long bytes, bool grows = false)
    {
        // A caller's only image is always admitted, so that an image larger than a share is possible.
        if (caller is null || !_callers.TryGetValue((streamed, caller), out var held)) return true;
        var o = _options.Value;
        var (requests, most) = streamed ? (StreamRequests, o.MaxBytes / 2) : (o.MaxRequests, o.MaxBytes);
        return (grows || held.Requests < requests - requests / 4) && held.Bytes + bytes <= most - most / 4;
    }

    private bool FitsImage(long bytes)
        => _unary.Requests + _streams.Requests < _options.Value.MaxRequests && _streams.Requests < StreamRequests
        && (_streams.Requests == 0 || HasBytes(bytes));

    private bool FitsChunk(Place place, long bytes)
    {
        if (_over == place || (WithinShare(true, place.Caller, bytes, grows: true) && HasBytes(bytes))) return true;
        if (_over is not null) return false;
        _over = place;
        return true;
    }

    private bool HasBytes(long bytes)
    {
        long streams = _streams.Bytes - (_over?.Bytes ?? 0) + bytes;
        return streams <= _options.Value.MaxBytes / 2 && _unary.Bytes + streams <= _options.Value.MaxBytes;
    }

    private Place Take(ref Held held, Place place, long bytes)
    {
        int requests = place.Bytes is null ? 1 : 0;
        held.Requests += requests;
        held.Bytes += bytes;
        Count(place, requests, bytes);
        place.Bytes = (place.Bytes ?? 0) + bytes;
        return place;
    }

    private Task GrowAsync(Place place, long bytes, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if ((_over != place && NextChunk is not null) || !FitsChunk(place, bytes))
                return WaitAsync(_chunks, new Waiter(place, bytes, place.Caller), cancellationToken);
            Take(ref _streams, place, bytes);
            return Task.CompletedTask;
        }
    }

    private void Count(Place place, int requests, long bytes)
    {
        if (place.Caller is null) return;
        var key = (place.Streamed, place.Caller);
        var held = _callers.GetValueOrDefault(key);
        held.Requests += requests;
        held.Bytes += bytes;
        if (held.Requests > 0) _callers[key] = held;
        else _callers.Remove(key);
    }

    /// <param name="leave">Whether the image is done, or only its bytes are freed.</param>
    private void Release(Place place, bool leave)
    {
        lock (_lock)
        {
            if (place.Bytes is not { } bytes) return;
            ref var held = ref (place.Streamed ? ref _streams : ref _unary);
            held.Bytes -= bytes;
            if (leave) held.Requests--;
            Count(place, leave ? -1 : 0, -bytes);
            place.Bytes = leave ? null : 0;
            if (_over == place) _over = null;
            LetIn();
        }
    }

    private void LetIn()
    {
        while (NextChunk is { } chunk && FitsChunk(chunk.Value.Place!, chunk.Value.Bytes)) Go(chunk, chunk.Value.Place!);
        while (NextChunk is null && NextImage is { } image && FitsImage(image.Value.Bytes))
            Go(image, new Place(this, true, image.Value.Caller));
    }

    private void Go(LinkedListNode<Waiter> node, Place place)
    {
        var waiter = node.Value;
        node.List!.Remove(node);
        waiter.Cancellation.Unregister();
        waiter.Admitted.SetResult(Take(ref _streams, place, waiter.Bytes));
    }

    private Task<Place> WaitAsync(LinkedList<Waiter> line, Waiter waiter, CancellationToken cancellationToken)
    {
        var node = line.AddLast(waiter);
        waiter.Cancellation = cancellationToken.Register(() =>
        {
            lock (_lock)
            {
                if (node.List is null) return;
                line.Remove(node);
                waiter.Admitted.SetCanceled(cancellationToken);
                LetIn();
            }
        });
        return waiter.Admitted.Task;
    }

    private struct Held
    {
        public int Requests;
        public long Bytes;
    }

    private sealed class Waiter(Place? place, long bytes, string? caller)
    {
        public Place? Place { get; } = place;
        public string? Caller { get; } = caller;
        public long Bytes { get; } = bytes;
        public CancellationTokenRegistration Cancellation { get; set; }
        public TaskCompletionSource<Place> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>An admitted image in work; ends when disposed.</summary>
    public sealed class Place(AdmissionControl control, bool streamed, string? caller) : IDisposable
    {
        internal bool Streamed => streamed;
        internal string? Caller => caller;

        // Null: not admitted yet, or ended.
        internal long? Bytes { get; set; }

        /// <summary>Admits a chunk of a stream; waits until that is possible.</summary>
        public Task GrowAsync(long bytes, CancellationToken cancellationToken) => control.GrowAsync(this, bytes, cancellationToken);

        /// <summary>Frees the bytes but stays admitted, for the next image of the same stream.</summary>
        public void Empty() => control.Release(this, leave: false);

        public void Dispose() => control.Release(this, leave: true);
    }
}
