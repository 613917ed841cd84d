using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;

namespace SpadeCluster.Grpc.Admission;

/// <summary>
/// Bounds the images in work by number and bytes, so that a gateway under any load has bounded memory and serves what it
/// admits in bounded time. Safe for concurrent calls.
/// </summary>
public sealed class AdmissionControl : IDisposable
{
    private readonly IOptions<GrpcDoorOptions> _options;
    // The cluster's own meter: all of SpadeCluster's metrics are in one place.
    private readonly Meter _meter = new("SpadeCluster");
    private readonly Counter<long> _refused;
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = [];
    private int _requests;
    private long _bytes;

    public AdmissionControl(IOptions<GrpcDoorOptions> options)
    {
        _options = options;
        _refused = _meter.CreateCounter<long>("spade.door.refused", "{image}", "Images refused because the gateway is at its limit");
        _meter.CreateObservableGauge("spade.door.requests", () => Requests, "{image}", "Images in work");
        _meter.CreateObservableGauge("spade.door.bytes", () => Bytes, "By", "Bytes of images in work");
    }

    public int Requests { get { lock (_lock) return _requests; } }

    public long Bytes { get { lock (_lock) return _bytes; } }

    /// <summary>Takes a place for an image, or refuses at once.</summary>
    /// <exception cref="SpadeException">ResourceExhausted, with when to try again.</exception>
    public IDisposable Admit(long bytes)
    {
        lock (_lock)
            if (_waiters.Count == 0 && TryTake(bytes)) return new Place(this, bytes);
        _refused.Add(1);
        throw new SpadeException(SpadeError.ResourceExhausted, "this gateway is at its limit of images in work; try again shortly") { RetryAfter = _options.Value.RetryAfter };
    }

    /// <summary>Takes a place for an image, waiting its turn.</summary>
    public Task<IDisposable> AdmitInTurnAsync(long bytes, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_waiters.Count == 0 && TryTake(bytes)) return Task.FromResult<IDisposable>(new Place(this, bytes));
            var waiter = new Waiter(bytes);
            var node = _waiters.AddLast(waiter);
            waiter.Cancellation = cancellationToken.Register(() => Cancel(node, cancellationToken));
            return waiter.Admitted.Task;
        }
    }

    public void Dispose() => _meter.Dispose();

    // A single image larger than the byte limit is admitted when nothing else is in work.
    private bool TryTake(long bytes)
    {
        if (_requests >= _options.Value.MaxRequests || (_requests > 0 && _bytes + bytes > _options.Value.MaxBytes)) return false;
        _requests++;
        _bytes += bytes;
        return true;
    }

    private void Release(long bytes)
    {
        lock (_lock)
        {
            _requests--;
            _bytes -= bytes;
            while (_waiters.First is { } next && TryTake(next.Value.Bytes))
            {
                _waiters.Remove(next);
                next.Value.Cancellation.Unregister();
                next.Value.Admitted.SetResult(new Place(this, next.Value.Bytes));
            }
        }
    }

    private void Cancel(LinkedListNode<Waiter> node, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (node.List is null) return;
            _waiters.Remove(node);
            node.Value.Admitted.SetCanceled(cancellationToken);
        }
    }

    private sealed class Waiter(long bytes)
    {
        public long Bytes { get; } = bytes;
        public CancellationTokenRegistration Cancellation { get; set; }
        public TaskCompletionSource<IDisposable> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Place(AdmissionControl control, long bytes) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0) control.Release(bytes);
        }
    }
}
