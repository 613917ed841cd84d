using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Server.Admission;

/// <summary>
/// Bounds the images in progress by number and bytes, over HTTP and gRPC together, so that a server under any load has bounded memory
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
    private Admission? _over;
    private readonly Dictionary<(bool Streamed, string Caller), Held> _callers = [];

    public AdmissionControl(IOptions<AdmissionOptions> options)
    {
        _options = options;
        _refusals = _meter.CreateCounter<long>("spade.refused", "{image}", "Images refused because the server is at its limit");
        _meter.CreateObservableGauge("spade.admitted", () => Requests, "{image}", "Images in progress");
        _meter.CreateObservableGauge("spade.admitted.bytes", () => Bytes, "By", "Bytes of images in progress");
    }

    public int Requests { get { lock (_lock) return _unary.Requests + _streams.Requests; } }

    public long Bytes { get { lock (_lock) return _unary.Bytes + _streams.Bytes; } }

    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Admits the image of an HTTP request or a unary call, or refuses it at once.</summary>
    /// <param name="caller">The caller whose share it counts for; null: none, without that limit.</param>
    /// <exception cref="SpadeException">ResourceExhausted, with the time after which to try again.</exception>
    public Admission Admit(long bytes, string? caller = null)
    {
        lock (_lock)
            if (WithinShare(false, caller, bytes) && FitsUnary(bytes)) return Take(ref _unary, new Admission(this, false, caller), bytes);
        Interlocked.Increment(ref _refused);
        _refusals.Add(1);
        throw new SpadeException(SpadeError.ResourceExhausted,
            "this server is at its limit of images in progress; try again shortly")
        { RetryAfter = _options.Value.RetryAfter };
    }

    /// <summary>Admits an image of a stream; waits until that is possible.</summary>
    /// <param name="caller">As for <see cref="Admit"/>.</param>
    public Task<Admission> AdmitInTurnAsync(long bytes, CancellationToken cancellationToken, string? caller = null)
    {
        lock (_lock)
            return NextChunk is null && NextImage is null && WithinShare(true, caller, bytes) && FitsImage(bytes)
                ? Task.FromResult(Take(ref _streams, new Admission(this, true, caller), bytes))
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
        while (node is not null && !WithinShare(true, node.Value.Caller, node.Value.Bytes, grows: node.Value.Admission is not null))
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

    private bool FitsChunk(Admission admission, long bytes)
    {
        if (_over == admission || (WithinShare(true, admission.Caller, bytes, grows: true) && HasBytes(bytes))) return true;
        if (_over is not null) return false;
        _over = admission;
        return true;
    }

    private bool HasBytes(long bytes)
    {
        long streams = _streams.Bytes - (_over?.Bytes ?? 0) + bytes;
        return streams <= _options.Value.MaxBytes / 2 && _unary.Bytes + streams <= _options.Value.MaxBytes;
    }

    private Admission Take(ref Held held, Admission admission, long bytes)
    {
        int requests = admission.Bytes is null ? 1 : 0;
        held.Requests += requests;
        held.Bytes += bytes;
        Count(admission, requests, bytes);
        admission.Bytes = (admission.Bytes ?? 0) + bytes;
        return admission;
    }

    private Task GrowAsync(Admission admission, long bytes, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if ((_over != admission && NextChunk is not null) || !FitsChunk(admission, bytes))
                return WaitAsync(_chunks, new Waiter(admission, bytes, admission.Caller), cancellationToken);
            Take(ref _streams, admission, bytes);
            return Task.CompletedTask;
        }
    }

    private void Count(Admission admission, int requests, long bytes)
    {
        if (admission.Caller is null) return;
        var key = (admission.Streamed, admission.Caller);
        var held = _callers.GetValueOrDefault(key);
        held.Requests += requests;
        held.Bytes += bytes;
        if (held.Requests > 0) _callers[key] = held;
        else _callers.Remove(key);
    }

    /// <param name="leave">Whether the image is done, or only its bytes are freed.</param>
    private void Release(Admission admission, bool leave)
    {
        lock (_lock)
        {
            if (admission.Bytes is not { } bytes) return;
            ref var held = ref (admission.Streamed ? ref _streams : ref _unary);
            held.Bytes -= bytes;
            if (leave) held.Requests--;
            Count(admission, leave ? -1 : 0, -bytes);
            admission.Bytes = leave ? null : 0;
            if (_over == admission) _over = null;
            AdmitWaiting();
        }
    }

    private void AdmitWaiting()
    {
        while (NextChunk is { } chunk && FitsChunk(chunk.Value.Admission!, chunk.Value.Bytes)) AdmitWaiter(chunk, chunk.Value.Admission!);
        while (NextChunk is null && NextImage is { } image && FitsImage(image.Value.Bytes))
            AdmitWaiter(image, new Admission(this, true, image.Value.Caller));
    }

    private void AdmitWaiter(LinkedListNode<Waiter> node, Admission admission)
    {
        var waiter = node.Value;
        node.List!.Remove(node);
        waiter.Cancellation.Unregister();
        waiter.Admitted.SetResult(Take(ref _streams, admission, waiter.Bytes));
    }

    private Task<Admission> WaitAsync(LinkedList<Waiter> line, Waiter waiter, CancellationToken cancellationToken)
    {
        var node = line.AddLast(waiter);
        waiter.Cancellation = cancellationToken.Register(() =>
        {
            lock (_lock)
            {
                if (node.List is null) return;
                line.Remove(node);
                waiter.Admitted.SetCanceled(cancellationToken);
                AdmitWaiting();
            }
        });
        return waiter.Admitted.Task;
    }

    private struct Held
    {
        public int Requests;
        public long Bytes;
    }

    private sealed class Waiter(Admission? admission, long bytes, string? caller)
    {
        public Admission? Admission { get; } = admission;
        public string? Caller { get; } = caller;
        public long Bytes { get; } = bytes;
        public CancellationTokenRegistration Cancellation { get; set; }
        public TaskCompletionSource<Admission> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>An admitted image in progress; ends when disposed.</summary>
    public sealed class Admission(AdmissionControl control, bool streamed, string? caller) : IDisposable
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
