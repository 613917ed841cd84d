using Microsoft.Extensions.Options;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// The gallery shards that this silo keeps in memory, within a budget that includes shards that are being opened or closed. To open a
/// shard, unused ones are closed, the least recently used first; if that is not enough, the search waits. A closed shard is opened again by
/// its next search; results are the same. Three versions of each shard are kept: the one that images are scored with, the next one while
/// its thresholds are learned, and the shadow version. Safe for concurrent calls.
/// </summary>
internal sealed class ShardCache
{
    private const int KeptVersions = 3;

    /// <summary>Bytes of closed shards that may wait for the garbage collector. To collect after each of many small shards would take
    /// longer than to open them.</summary>
    private const long MostUncollected = 64L << 20;

    private static readonly Lock Collecting = new();
    private static long _uncollected;

    private readonly IGalleryStore _store;
    private readonly ManifestCache _manifests;
    private readonly long _memory, _share;
    private readonly Lock _lock = new();
    private readonly Dictionary<(ShardKey Key, int Version), Entry> _entries = [];

    /// <summary>Shards not in use, least recently used first.</summary>
    private readonly LinkedList<Entry> _idle = new();

    /// <summary>Searches that wait for memory, in order of arrival, so that a large shard does not wait until all small ones are
    /// idle.</summary>
    private readonly Queue<Waiting> _waiting = new();
    private long _bytes, _closing, _opened, _uses;

    public ShardCache(IGalleryStore store, ManifestCache manifests, IOptions<GalleryOptions> options)
        => (_store, _manifests, _memory, _share) =
        (store, manifests, options.Value.Memory, Math.Min(options.Value.ShardMemory, options.Value.Memory));

    public GalleryMemory State
    {
        get { lock (_lock) return new GalleryMemory(_entries.Keys.Select(k => k.Key.Category).Distinct().Count(), _bytes, _opened); }
    }

    /// <summary>A shard of a version, for the caller to dispose after use.</summary>
    /// <exception cref="VersionGoneException">The version has been compacted away.</exception>
    /// <exception cref="SpadeException">InvalidArgument: the budget is too small for it. As
    /// <see cref="GalleryShard.LoadAsync"/>.</exception>
    public async ValueTask<ShardLease> RentAsync(ShardKey key, int version, CancellationToken cancellationToken)
    {
        Entry? entry;
        lock (_lock)
            if (_waiting.Count == 0 && _entries.TryGetValue((key, version), out entry)) Use(entry);
            else entry = null;
        entry ??= await OpenAsync(key, version, cancellationToken);
        try
        {
            // A caller that gives up does not stop the opening, because others may wait for it too.
            return new ShardLease(await entry.Opening.WaitAsync(cancellationToken), () => Release(entry));
        }
        catch
        {
            Release(entry);
            throw;
        }
    }

    /// <summary>Closes every version of a shard; versions in use are closed after use.</summary>
    public void Forget(ShardKey key)
    {
        lock (_lock)
            foreach (var entry in _entries.Values.Where(e => e.Key == key).ToList()) Retire(entry);
    }

    /// <summary>Closes every shard of a category; those in use are closed after use.</summary>
    /// <returns>Ends when those that were not in use are closed and unpinned.</returns>
    public async Task ForgetAsync(string category)
    {
        List<Entry> closed;
        lock (_lock)
        {
            closed = [.. _entries.Values.Where(e => e.Key.Category == category)];
            foreach (var entry in closed) Retire(entry);
        }
        await Task.WhenAll(closed.Select(e => e.Closing));
    }

    /// <summary>Whether a shard of the category is open.</summary>
    internal bool Holds(string category)
    {
        lock (_lock) return _entries.Keys.Any(k => k.Key.Category == category);
    }

    private async ValueTask<Entry> OpenAsync(ShardKey key, int version, CancellationToken cancellationToken)
    {
        var manifest = await _manifests.GetAsync(key.Category, version, cancellationToken);
        ImageId[] ids = [.. GalleryTiles.Of(manifest).Ids.Where(id => ShardMap.ShardOf(id, key.Count) == key.Shard)];
        var waiting = new Waiting(key, manifest, ids, GalleryShard.MemoryFor(manifest, ids.Length, _memory, _share));
        lock (_lock)
        {
            _waiting.Enqueue(waiting);
            Admit();
        }
        await using (cancellationToken.Register(() =>
        {
            if (!waiting.Admitted.TrySetCanceled(cancellationToken)) return;
            lock (_lock) Admit();
        }))
            return await waiting.Admitted.Task;
    }

    /// <summary>Admits waiting searches in order while there is memory. Called under the lock.</summary>
    private void Admit()
    {
        while (_waiting.TryPeek(out var next))
        {
            if (!next.Admitted.Task.IsCompleted)
            {
                if (Find(next) is not { } entry) return;
                if (!next.Admitted.TrySetResult(entry)) ReleaseLocked(entry);
            }
            _waiting.Dequeue();
        }
    }

    /// <summary>The requested shard, whose opening may have just begun; null: not enough memory yet. Called under the lock.</summary>
    private Entry? Find(Waiting asked)
    {
        if (_entries.TryGetValue((asked.Key, asked.Manifest.Version), out var known)) return Use(known);
        // Old versions are closed before the new one takes its memory.
        var versions = _entries.Values.Where(e => e.Key == asked.Key).OrderBy(e => e.Used).ToList();
        foreach (var old in versions.Take(versions.Count - KeptVersions + 1)) Retire(old);

        long lacking = _bytes - _closing + asked.Bytes - _memory;
        // If closing all idle shards is not enough, none is closed.
        if (lacking > _idle.Sum(e => e.Bytes)) return null;
        for (; lacking > 0; lacking -= Retire(_idle.First!.Value)) { }
        if (_bytes + asked.Bytes > _memory) return null;

        _bytes += asked.Bytes;
        _opened++;
        // Two users: the caller, and the opening itself, so that the shard is not closed while it is being opened.
        var entry = new Entry(asked.Key, asked.Manifest.Version, asked.Bytes) { Users = 2, Used = ++_uses };
        _entries.Add((entry.Key, entry.Version), entry);
        entry.Opening = Task.Run(() => LoadAsync(entry, asked));
        return entry;
    }

    private async Task<GalleryShard> LoadAsync(Entry entry, Waiting asked)
    {
        try
        {
            entry.Pin = await PinAsync(asked.Key.Category, entry.Version);
            return entry.Shard = await GalleryShard.LoadAsync(_store, asked.Manifest, asked.Ids, entry.Bytes);
        }
        finally
        {
            Release(entry);
        }
    }

    private async Task<IDisposable> PinAsync(string category, int version)
    {
        try
        {
            return await _store.PinAsync(category, version);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            throw new VersionGoneException(category, version);
        }
    }

    private Entry Use(Entry entry)
    {
        entry.Used = ++_uses;
        if (entry.Users++ == 0) _idle.Remove(entry);
        return entry;
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            ReleaseLocked(entry);
            Admit();
        }
    }

    /// <summary>Called under the lock.</summary>
    private void ReleaseLocked(Entry entry)
    {
        if (--entry.Users > 0) return;
        // A shard that could not be opened is removed, so that the next search tries again.
        if (entry.Shard is null) Retire(entry);
        else if (!entry.Retired) _idle.AddLast(entry);
        if (entry.Retired) Close(entry);
    }

    /// <summary>Removes a shard; it is closed now, or after its last use. Called under the lock.</summary>
    /// <returns>Its bytes.</returns>
    private long Retire(Entry entry)
    {
        entry.Retired = true;
        if (_entries.GetValueOrDefault((entry.Key, entry.Version)) == entry) _entries.Remove((entry.Key, entry.Version));
        if (_idle.Remove(entry)) Close(entry);
        return entry.Bytes;
    }

    /// <summary>Closes a shard on the thread pool, because unpinning may call a database; its memory is free afterwards. Called under the
    /// lock.</summary>
    private void Close(Entry entry)
    {
        _closing += entry.Bytes;
        entry.Closing = Task.Run(() =>
        {
            try
            {
                int seen = GC.CollectionCount(GC.MaxGeneration);
                entry.Shard?.Dispose();
                entry.Pin?.Dispose();
                if (entry.Shard is not null && _memory - _bytes < entry.Bytes) Collect(seen, entry.Bytes);
            }
            finally
            {
                lock (_lock)
                {
                    _bytes -= entry.Bytes;
                    _closing -= entry.Bytes;
                    Admit();
                }
            }
        });
        entry.Closing.Ignore();
    }

    /// <summary>Frees the level data of closed shards now, if it is much: the garbage collector would wait until as much memory again is
    /// used. One collection serves several closed shards.</summary>
    /// <param name="seen">Number of collections when the shard was closed: if there was one since, none is needed.</param>
    /// <param name="bytes">Of the shard.</param>
    private static void Collect(int seen, long bytes)
    {
        lock (Collecting)
        {
            bool done = GC.CollectionCount(GC.MaxGeneration) != seen;
            _uncollected = done ? 0 : _uncollected + bytes;
            if (_uncollected < MostUncollected) return;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
            _uncollected = 0;
        }
    }

    /// <summary>A shard and its users. Used under the lock.</summary>
    private sealed class Entry(ShardKey key, int version, long bytes)
    {
        public ShardKey Key => key;
        public int Version => version;
        public long Bytes => bytes;
        public int Users { get; set; }

        /// <summary>Number of the last use; increases with every use.</summary>
        public long Used { get; set; }

        /// <summary>Whether to close it after its last use.</summary>
        public bool Retired { get; set; }
        public Task<GalleryShard> Opening { get; set; } = null!;

        /// <summary>The closing, once it has begun.</summary>
        public Task Closing { get; set; } = Task.CompletedTask;
        public volatile GalleryShard? Shard;
        public volatile IDisposable? Pin;
    }

    private sealed record Waiting(ShardKey Key, GalleryManifest Manifest, ImageId[] Ids, long Bytes)
    {
        public TaskCompletionSource<Entry> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>A shard of a category's gallery, divided into <paramref name="Count"/> shards.</summary>
internal readonly record struct ShardKey(string Category, int Shard, int Count);

/// <summary>A shard in use, which is not closed until this is disposed.</summary>
internal readonly struct ShardLease(GalleryShard shard, Action leave) : IDisposable
{
    public GalleryShard Shard => shard;

    public void Dispose() => leave();
}
