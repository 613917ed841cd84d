using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// A shard of one version, loading or loaded, and the pin that keeps the version from compaction. The grain is a user of it, and
/// so is every search: dropped under a running one, its memory is freed when that has ended, and at once otherwise.
/// </summary>
/// <param name="load">Begins at once. Disposes the pin where it fails.</param>
internal sealed class LoadedShard(int version, Func<Task<(GalleryShard Shard, IDisposable Pin)>> load) : IDisposable
{
    private readonly Task<(GalleryShard Shard, IDisposable Pin)> _loading = Task.Run(load);

    // The grain that made it.
    private int _users = 1;

    public int Version => version;

    public bool HasFailed => _loading.IsFaulted;

    /// <summary>The shard when it is loaded. A caller that gives up does not stop the load.</summary>
    public async Task<GalleryShard> ShardAsync(CancellationToken cancellationToken) => (await _loading.WaitAsync(cancellationToken)).Shard;

    /// <summary>Adds a user, who disposes it too; false where the last one has left already.</summary>
    public bool TryShare()
    {
        for (int users = Volatile.Read(ref _users); users > 0;)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users) return true;
            users = seen;
        }
        return false;
    }

    /// <summary>One user leaves.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) != 0) return;
        _loading.ContinueWith(loaded =>
        {
            loaded.Result.Shard.Dispose();
            loaded.Result.Pin.Dispose();
        }, CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
    }
}
