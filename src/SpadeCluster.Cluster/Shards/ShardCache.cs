using Microsoft.Extensions.Options;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// The gallery shards that this silo holds, as far as memory goes: together they take at most the budget at any moment, those that
/// are being opened and closed included. A shard that needs room closes those that nobody uses, the least recently used first, and
/// waits where those in use leave none. A closed shard is opened again by its next search; results are the same. Of each shard two
/// versions stay: the one that images are scored with, and the next one while its thresholds are learnt. Safe for concurrent calls.
/// </summary>
internal sealed class ShardCache
{
    private const int KeptVersions = 2;

    private static readonly Lock Collecting = new();

    private readonly IGalleryStore _store;
    private readonly ManifestCache _manifests;
    private readonly long _memory, _share;
    private readonly Lock _lock = new();
    private readonly Dictionary<(ShardKey Key, int Version), Entry> _entries = [];

    /// <summary>Shards that nobody uses, least recently used first.</summary>
    private readonly LinkedList<Entry> _idle = new();

    /// <summary>Searches that wait for room, in order of arrival: else a large shard would wait as long as small ones are busy.</summary>
    private readonly Queue<Waiting> _waiting = new();
    private long _bytes, _closing, _opened, _uses;

    public ShardCache(IGalleryStore store, ManifestCache manifests, IOptions<GalleryOptions> options)
        => (_store, _manifests, _memory, _share) =
        (store, manifests, options.Value.Memory, Math.Min(options.Value.ShardMemory, options.Value.Memory));

    public GalleryMemory State
    {
        get { lock (_lock) return new GalleryMemory(_entries.Keys.Select(k => k.Key.Category).Distinct().Count(), _bytes, _opened); }
    }

    /// <summary>One shard of one version; dispose it after use.</summary>
    /// <exception cref="VersionGoneException">It has been compacted away.</exception>
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
            // A caller that gives up does not stop the opening: others may wait for it too.
            return new ShardLease(await entry.Opening.WaitAsync(cancellationToken), () => Leave(entry));
        }
        catch
        {
            Leave(entry);
            throw;
        }
    }

    /// <summary>Closes every version of a shard; those in use when their last user leaves.</summary>
    public void Forget(ShardKey key)
    {
        lock (_lock)
            foreach (var entry in _entries.Values.Where(e => e.Key == key).ToList()) Retire(entry);
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

    /// <summary>Lets in those waiting, in order, until one finds no room. Under the lock.</summary>
    private void Admit()
    {
        while (_waiting.TryPeek(out var next))
        {
            if (!next.Admitted.Task.IsCompleted)
            {
                if (Find(next) is not { } entry) return;
                if (!next.Admitted.TrySetResult(entry)) Left(entry);
            }
            _waiting.Dequeue();
        }
    }

    /// <summary>The shard asked for, perhaps being opened only now; null: there is no room yet. Under the lock.</summary>
    private Entry? Find(Waiting asked)
    {
        if (_entries.TryGetValue((asked.Key, asked.Manifest.Version), out var known)) return Use(known);
        // Before the new version takes its memory.
        var versions = _entries.Values.Where(e => e.Key == asked.Key).OrderBy(e => e.Used).ToList();
        foreach (var old in versions.Take(versions.Count - KeptVersions + 1)) Retire(old);

        long lacking = _bytes - _closing + asked.Bytes - _memory;
        // Where all that is idle would not do, nothing is closed in vain.
        if (lacking > _idle.Sum(e => e.Bytes)) return null;
        for (; lacking > 0; lacking -= Retire(_idle.First!.Value)) { }
        if (_bytes + asked.Bytes > _memory) return null;

        _bytes += asked.Bytes;
        _opened++;
        // Two users: the one that asks, and the opening itself, so that it is not closed before it is open.
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
            Leave(entry);
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

    private void Leave(Entry entry)
    {
        lock (_lock)
        {
            Left(entry);
            Admit();
        }
    }

    /// <summary>Under the lock.</summary>
    private void Left(Entry entry)
    {
        if (--entry.Users > 0) return;
        // One that could not be opened is forgotten, so that the next search tries again.
        if (entry.Shard is null) Retire(entry);
        else if (!entry.Retired) _idle.AddLast(entry);
        if (entry.Retired) Close(entry);
    }

    /// <summary>Takes a shard out; it is closed now if nobody uses it, else when its last user leaves. Under the lock.</summary>
    /// <returns>Its bytes.</returns>
    private long Retire(Entry entry)
    {
        entry.Retired = true;
        if (_entries.GetValueOrDefault((entry.Key, entry.Version)) == entry) _entries.Remove((entry.Key, entry.Version));
        if (_idle.Remove(entry)) Close(entry);
        return entry.Bytes;
    }

    /// <summary>Its bytes are free when it is closed, which may ask a database to let go of the version. Under the lock.</summary>
    private void Close(Entry entry)
    {
        _closing += entry.Bytes;
        Task.Run(() =>
        {
            try
            {
                int seen = GC.CollectionCount(GC.MaxGeneration);
                entry.Shard?.Dispose();
                entry.Pin?.Dispose();
                if (entry.Shard is not null && _memory - _bytes < entry.Bytes) Collect(seen);
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
        }).Ignore();
    }

    /// <summary>The level data of a closed shard is the garbage collector's, which would let as much again pile up before it looks.
    /// Several that are closed for a large one are collected together.</summary>
    /// <param name="seen">Collections when the shard was closed: a later one has done it.</param>
    private static void Collect(int seen)
    {
        lock (Collecting)
            if (GC.CollectionCount(GC.MaxGeneration) == seen) GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
    }

    /// <summary>A shard and its users. Touched under the lock.</summary>
    private sealed class Entry(ShardKey key, int version, long bytes)
    {
        public ShardKey Key => key;
        public int Version => version;
        public long Bytes => bytes;
        public int Users { get; set; }

        /// <summary>Ascending with every use.</summary>
        public long Used { get; set; }

        /// <summary>Whether it is to be closed when nobody uses it.</summary>
        public bool Retired { get; set; }
        public Task<GalleryShard> Opening { get; set; } = null!;
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

/// <summary>A shard while it is used; it is not closed meanwhile.</summary>
internal readonly struct ShardLease(GalleryShard shard, Action leave) : IDisposable
{
    public GalleryShard Shard => shard;

    public void Dispose() => leave();
}
