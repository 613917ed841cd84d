using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Server.Admission;

/// <summary>
/// Bounds the images in work by number and bytes, over HTTP and gRPC together, so that a server under any load has bounded memory
/// and serves what it admits in bounded time. Safe for concurrent calls.
/// <para>
/// HTTP requests and unary calls are refused where there is no room, streams wait. Each kind always has half of the limits
/// to itself: streams
/// never take more, unary calls only while no stream waits. So neither keeps the other out.
/// </para>
/// <para>
/// An image of a stream grows by its chunks. Images that wait for each other's bytes would wait for ever, so one of them at a
/// time may go over the limit, until it is done: bytes stay below the limit and one image more of each kind.
/// </para>
/// </summary>
public sealed class AdmissionControl : IDisposable
{
    private readonly IOptions<AdmissionOptions> _options;
    private readonly Meter _meter = new(SpadeMeter.Name);
    private readonly Counter<long> _refusals;
    private int _refused;
    private readonly Lock _lock = new();
    // Chunks before new images: these need what those hold.
    private readonly LinkedList<Waiter> _chunks = [], _images = [];
    private Held _unary, _streams;
    private Place? _over;

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

    /// <summary>Takes a place for the image of an HTTP request or a unary call, or refuses at once.</summary>
    /// <exception cref="SpadeException">ResourceExhausted, with when to try again.</exception>
    public Place Admit(long bytes)
    {
        lock (_lock)
            if (FitsUnary(bytes)) return Take(ref _unary, new Place(this, false), bytes);
        Interlocked.Increment(ref _refused);
        _refusals.Add(1);
        throw new SpadeException(SpadeError.ResourceExhausted,
            "this server is at its limit of images in work; try again shortly")
        { RetryAfter = _options.Value.RetryAfter };
    }

    /// <summary>Takes a place for an image of a stream, waiting its turn.</summary>
    public Task<Place> AdmitInTurnAsync(long bytes, CancellationToken cancellationToken)
    {
        lock (_lock)
            return _chunks.Count == 0 && _images.Count == 0 && FitsImage(bytes)
                ? Task.FromResult(Take(ref _streams, new Place(this, true), bytes))
                : WaitAsync(_images, new Waiter(null, bytes), cancellationToken);
    }

    public void Dispose() => _meter.Dispose();

    private int StreamRequests => (_options.Value.MaxRequests + 1) / 2;

    private bool FitsUnary(long bytes)
    {
        var o = _options.Value;
        if (_unary.Requests + _streams.Requests >= o.MaxRequests) return false;
        bool ownHalf = _unary.Requests < o.MaxRequests - StreamRequests && (_unary.Requests == 0 || _unary.Bytes + bytes <= o.MaxBytes / 2);
        return ownHalf || (_chunks.Count == 0 && _images.Count == 0
            && (_unary.Requests == 0 || _unary.Bytes + _streams.Bytes + bytes <= o.MaxBytes));
    }

    private bool FitsImage(long bytes)
        => _unary.Requests + _streams.Requests < _options.Value.MaxRequests && _streams.Requests < StreamRequests
        && (_streams.Requests == 0 || HasBytes(bytes));

    private bool FitsChunk(Place place, long bytes)
    {
        if (HasBytes(bytes)) return true;
        if (_over is not null && _over != place) return false;
        _over = place;
        return true;
    }

    private bool HasBytes(long bytes) =>
        _streams.Bytes + bytes <= _options.Value.MaxBytes / 2 && _unary.Bytes + _streams.Bytes + bytes <= _options.Value.MaxBytes;

    private static Place Take(ref Held held, Place place, long bytes)
    {
        if (place.Bytes is null) held.Requests++;
        held.Bytes += bytes;
        place.Bytes = (place.Bytes ?? 0) + bytes;
        return place;
    }

    private Task GrowAsync(Place place, long bytes, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if ((_over != place && _chunks.Count > 0) || !FitsChunk(place, bytes))
                return WaitAsync(_chunks, new Waiter(place, bytes), cancellationToken);
            Take(ref _streams, place, bytes);
            return Task.CompletedTask;
        }
    }

    /// <param name="leave">Whether the image is done altogether, or only its bytes are.</param>
    private void Release(Place place, bool leave)
    {
        lock (_lock)
        {
            if (place.Bytes is not { } bytes) return;
            ref var held = ref (place.Streamed ? ref _streams : ref _unary);
            held.Bytes -= bytes;
            if (leave) held.Requests--;
            place.Bytes = leave ? null : 0;
            if (_over == place) _over = null;
            LetIn();
        }
    }

    private void LetIn()
    {
        while (_chunks.First?.Value is { } chunk && FitsChunk(chunk.Place!, chunk.Bytes)) Go(_chunks, chunk.Place!);
        while (_chunks.Count == 0 && _images.First?.Value is { } image && FitsImage(image.Bytes)) Go(_images, new Place(this, true));
    }

    private void Go(LinkedList<Waiter> line, Place place)
    {
        var first = line.First!.Value;
        line.RemoveFirst();
        first.Cancellation.Unregister();
        first.Admitted.SetResult(Take(ref _streams, place, first.Bytes));
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

    private sealed class Waiter(Place? place, long bytes)
    {
        public Place? Place { get; } = place;
        public long Bytes { get; } = bytes;
        public CancellationTokenRegistration Cancellation { get; set; }
        public TaskCompletionSource<Place> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The place of an image in work; given back when disposed.</summary>
    public sealed class Place(AdmissionControl control, bool streamed) : IDisposable
    {
        internal bool Streamed => streamed;

        // Null: not taken, or given back.
        internal long? Bytes { get; set; }

        /// <summary>Takes room for a chunk, waiting its turn; streams only.</summary>
        public Task GrowAsync(long bytes, CancellationToken cancellationToken) => control.GrowAsync(this, bytes, cancellationToken);

        /// <summary>Gives back the room but keeps the place, for the next image of the same stream.</summary>
        public void Empty() => control.Release(this, leave: false);

        public void Dispose() => control.Release(this, leave: true);
    }
}
