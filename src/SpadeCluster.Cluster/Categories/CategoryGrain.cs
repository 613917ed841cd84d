using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Categories;

/// <summary>
/// Reentrant, because its calls only begin, follow and feed jobs; the jobs run on the thread pool, one after the other. All state is in the
/// gallery store, whose lock protects the category if two activations (in a network partition) or another program (the command line) change
/// it.
/// </summary>
[Reentrant, PreferLocalPlacement, OnSiloWith(SiloRole.Gateway), CollectionAgeLimit(Minutes = 10)]
internal sealed partial class CategoryGrain(IGalleryStore store, ClusterGalleryServices services, ILocalSiloDetails here,
    TimeProvider clock, ILogger<CategoryGrain> logger) : Grain, ICategoryGrain
{
    /// <summary>How long a call waits for a change.</summary>
    public static readonly TimeSpan PollTime = TimeSpan.FromSeconds(2);

    /// <summary>A change is cancelled when its caller has not called for this time, because its gateway is then lost.</summary>
    public static readonly TimeSpan LapseTime = TimeSpan.FromSeconds(10);

    // How often the store is checked for changes by other programs; once for the whole cluster.
    private static readonly TimeSpan LookTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstLockWait = TimeSpan.FromMilliseconds(50), LongestLockWait = TimeSpan.FromSeconds(1);

    // All fields are used on the grain's scheduler only; jobs are safe for concurrent calls.
    private readonly Dictionary<Guid, ChangeJob> _jobs = [];
    private readonly SemaphoreSlim _turn = new(1);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _version;

    private string Category => this.GetPrimaryKeyString();

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _version = await store.ReadCurrentVersionAsync(Category, cancellationToken) ?? 0;
        this.RegisterGrainTimer(LookAsync, new GrainTimerCreationOptions(LookTime, LookTime) { Interleave = true });
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        foreach (var job in _jobs.Values) job.Cancel();
        // The last job releases its turn after it has released the store's lock.
        await _turn.WaitAsync(cancellationToken);
    }

    public async Task<int> WaitForVersionAsync(int seen, CancellationToken cancellationToken)
    {
        if (_version == 0) await RefreshAsync(cancellationToken);
        if (_version == 0 && _jobs.Count == 0) DeactivateOnIdle();
        if (_version == 0 || _version != seen) return _version;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(_changed.Task, Task.Delay(PollTime, clock, limit.Token));
        await limit.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        return _version;
    }

    public Task<SiloAddress> BeginAsync(Guid job, CategoryChange change, string author)
    {
        if (!_jobs.ContainsKey(job)) RunAsync(_jobs[job] = new ChangeJob(author, change, clock)).Ignore();
        return Task.FromResult(here.SiloAddress);
    }

    public Task<ChangeProgress> FollowAsync(Guid job, ChangeProgress seen, CancellationToken cancellationToken) =>
        Job(job).FollowAsync(seen, PollTime, cancellationToken);

    public Task<AddOutcome> AddAsync(Guid job, ImageFile image, CancellationToken cancellationToken) =>
        Job(job).AddAsync(image, cancellationToken);

    public Task EndAsync(Guid job)
    {
        Job(job).EndImages();
        return Task.CompletedTask;
    }

    public Task CancelAsync(Guid job)
    {
        if (_jobs.TryGetValue(job, out var known)) known.Cancel();
        return Task.CompletedTask;
    }

    private ChangeJob Job(Guid job) => _jobs.GetValueOrDefault(job)
        ?? throw new SpadeException(SpadeError.Unavailable,
            $"the change of category '{Category}' was lost with its silo; it was either published as a whole or not at all; "
            + $"repeat it");

    private async Task RunAsync(ChangeJob job)
    {
        try
        {
            await _turn.WaitAsync(job.Stopping);
            try
            {
                var manifest = await ApplyAsync(job);
                if (manifest is not null) Publish(manifest.Version);
                else await RefreshAsync(job.Stopping); // The change may have deleted the category, which is a version too.
                job.Complete(manifest?.Version ?? _version);
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (Exception e)
        {
            LogFailed(e is SpadeException or OperationCanceledException ? LogLevel.Information : LogLevel.Error, Category,
                job.Change.GetType().Name, e);
            job.Fail(e);
        }
    }

    /// <summary>Applies a change off the grain's scheduler.</summary>
    private Task<GalleryManifest?> ApplyAsync(ChangeJob job)
        => Task.Run(() => job.Change.ApplyAsync(services.Local(job.Author, (name, stop) => LockAsync(job, name, stop)), Category, job),
            job.Stopping);

    /// <summary>Takes the store's lock for a change. If another writer holds it (another program, or a process that is being terminated),
    /// the change waits as long as its caller does.</summary>
    private async ValueTask<IDisposable> LockAsync(ChangeJob job, string category, CancellationToken cancellationToken)
    {
        for (var wait = FirstLockWait; ; wait = wait * 2 < LongestLockWait ? wait * 2 : LongestLockWait)
        {
            try
            {
                var held = await store.LockAsync(category, cancellationToken);
                job.Start();
                return held;
            }
            catch (SpadeException e) when (e.Error == SpadeError.FailedPrecondition)
            {
                await Task.Delay(wait, clock, cancellationToken);
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        foreach (var (id, job) in _jobs.Where(j => j.Value.SinceLastCall > LapseTime).ToList())
        {
            if (job.IsEnded) _jobs.Remove(id);
            else job.Cancel();
        }
        await RefreshAsync(cancellationToken);
    }

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        if (await store.ReadCurrentVersionAsync(Category, cancellationToken) is { } current) Publish(current);
    }

    /// <summary>Versions only increase. Ends the waiting of callers for a new version.</summary>
    private void Publish(int version)
    {
        if (version <= _version) return;
        _version = version;
        var changed = _changed;
        _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }

    [LoggerMessage(Message = "Category {Category}: {Change} ended without a version")]
    private partial void LogFailed(LogLevel level, string category, string change, Exception reason);
}
