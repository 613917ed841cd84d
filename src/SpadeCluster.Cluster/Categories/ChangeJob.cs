using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Categories;

/// <summary>
/// A change that waits, runs or has ended: its progress, and the images that its caller sends. Safe for concurrent calls: the change runs
/// on the thread pool, its caller's calls on the grain's scheduler.
/// </summary>
internal sealed class ChangeJob(string author, CategoryChange change, TimeProvider clock) : IProgress<AddOutcome>, IProgress<int>
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    // Holds one image at most: the next one is sent after the one before it is durable.
    private readonly Channel<Given> _images = Channel.CreateUnbounded<Given>(new UnboundedChannelOptions { SingleReader = true });
    private ChangeProgress _progress = new(ChangeState.Waiting, 0, 0);
    private TaskCompletionSource _changed = New();
    private ExceptionDispatchInfo? _failure;
    private Given? _current;
    private CompactionReport? _compacted;
    private long _lastAsked = clock.GetTimestamp();

    /// <summary>The author of the change, for the history.</summary>
    public string Author => author;
    public CategoryChange Change => change;
    public CancellationToken Stopping => _stop.Token;
    public bool IsEnded { get { lock (_lock) return _progress.State == ChangeState.Done || _failure is not null; } }

    /// <summary>Time since its caller's last call.</summary>
    public TimeSpan SinceLastCall => clock.GetElapsedTime(Interlocked.Read(ref _lastAsked));

    public async Task<ChangeProgress> FollowAsync(ChangeProgress seen, TimeSpan wait, CancellationToken cancellationToken)
    {
        Touch();
        Task changed;
        lock (_lock)
        {
            _failure?.Throw();
            if (_progress != seen) return _progress;
            changed = _changed.Task;
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(changed, Task.Delay(wait, clock, limit.Token));
        await limit.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        Touch();
        lock (_lock)
        {
            _failure?.Throw();
            return _progress;
        }
    }

    public async Task<AddOutcome> AddAsync(ImageFile image, CancellationToken cancellationToken)
    {
        Touch();
        var given = new Given(image);
        if (!_images.Writer.TryWrite(given))
        {
            lock (_lock) _failure?.Throw();
            throw new SpadeException(SpadeError.Unavailable, "the addition has ended; repeat it");
        }
        return await given.Outcome.Task.WaitAsync(cancellationToken);
    }

    /// <summary>No more images come.</summary>
    public void EndImages()
    {
        Touch();
        _images.Writer.TryComplete();
    }

    public async IAsyncEnumerable<ImageSource> ImagesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var given in _images.Reader.ReadAllAsync(cancellationToken))
        {
            _current = given;
            yield return new ImageSource(given.Image.Name, given.Image.Bytes);
        }
    }

    /// <summary>The outcome of the current image; the service takes images one by one.</summary>
    public void Report(AddOutcome value) => _current?.Outcome.TrySetResult(value);

    public void Report(int value) => Set(new ChangeProgress(ChangeState.Running, value, 0));

    public void Report(CompactionReport value) => _compacted = value;

    public void Start() => Set(new ChangeProgress(ChangeState.Running, 0, 0));

    public void Complete(int version)
    {
        _images.Writer.TryComplete();
        Set(new ChangeProgress(ChangeState.Done, 0, version, _compacted));
    }

    public void Fail(Exception e)
    {
        // Wrapped, so that the caller does not take a database's timeout for a silo's.
        if (e is not SpadeException) e = new InvalidOperationException($"the change failed: {e.Message}");
        var failure = Stopping.IsCancellationRequested
            ? new SpadeException(SpadeError.Unavailable,
                "the change was cancelled before it was done; the current version is unchanged; repeat the change", e) : e;
        _images.Writer.TryComplete();
        _current?.Outcome.TrySetException(failure);
        while (_images.Reader.TryRead(out var left)) left.Outcome.TrySetException(failure);
        lock (_lock)
        {
            _failure = ExceptionDispatchInfo.Capture(failure);
            _changed.TrySetResult();
        }
    }

    public void Cancel() => _stop.Cancel();

    private void Touch() => Interlocked.Exchange(ref _lastAsked, clock.GetTimestamp());

    private void Set(ChangeProgress progress)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _progress = progress;
            (changed, _changed) = (_changed, New());
        }
        changed.TrySetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Given(ImageFile Image)
    {
        public TaskCompletionSource<AddOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
