using SpadeCluster.Galleries;

namespace SpadeCluster.Grains.Shards;

/// <summary>
/// A shard of one version, loading or loaded, and the pin that keeps the version from compaction. The grain is a user of it, and
/// so is every search: dropped under a running one, its memory is freed when that has ended, and at once otherwise.
/// </summary>
/// <param name="load">Begins at once. Disposes the pin where it fails.</param>
internal sealed class LoadedShard(int version, Func<Task<(GalleryShard Shard, IDisposable Pin)>> load) : Shared
{
    private readonly Task<(GalleryShard Shard, IDisposable Pin)> _loading = Task.Run(load);

    public int Version => version;

    public bool HasFailed => _loading.IsFaulted;

    /// <summary>The shard when it is loaded. A caller that gives up does not stop the load.</summary>
    public async Task<GalleryShard> ShardAsync(CancellationToken cancellationToken) => (await _loading.WaitAsync(cancellationToken)).Shard;

    protected override void Release() => _loading.ContinueWith(loaded =>
    {
        loaded.Result.Shard.Dispose();
        loaded.Result.Pin.Dispose();
    }, CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
}
