namespace SpadeCluster.Galleries;

/// <summary>
/// Galleries that stay open from one image to the next, as far as memory goes: together they take at most the budget at any
/// moment, counting those in use, those being opened and those being closed, and in each a few searches at once; further ones
/// take their own memory. What needs room closes galleries that nobody uses,
/// the least recently used first, and waits where those in use leave none. A closed gallery is opened again by its next image;
/// results are the same. Safe for concurrent calls.
/// </summary>
public sealed class OpenGalleries : IDisposable
{
    private static readonly Lock Collecting = new();

    private readonly long _memory;
    private readonly Func<GalleryManifest, long> _size;
    private readonly Func<GalleryManifest, long, ValueTask<OpenGallery>> _open;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Entries that nobody uses, least recently used first.</summary>
    private readonly LinkedList<Entry> _idle = new();

    /// <summary>Who waits for room, in order of arrival: else a large gallery would wait as long as small ones are busy.</summary>
    private readonly Queue<Waiting> _waiting = new();
    private readonly HashSet<Task> _closings = [];
    private readonly SemaphoreSlim _alone = new(1);
    private long _bytes, _closing, _working, _opened;

    /// <param name="store">Where galleries live.</param>
    /// <param name="memory">Bytes that all open galleries together may take.</param>
    /// <param name="each">Bytes that one may take at most, unless it cannot be opened with fewer; null: all of them.</param>
    /// <param name="threads">Threads one search may use; 0 for all processors.</param>
    public OpenGalleries(IGalleryStore store, long memory = GalleryShard.DefaultMemory, long? each = null, int threads = 0)
        : this(memory, m => GalleryShard.MemoryFor(m, GalleryTiles.Of(m).Ids.Count, memory, each ?? memory), (m, bytes) =>
            OpenGallery.LoadAsync(store, m, threads: threads, memory: bytes))
    { }

    /// <param name="size">Bytes a gallery shall have, at most <paramref name="memory"/>.</param>
    /// <param name="open">Opens it within them.</param>
    internal OpenGalleries(long memory, Func<GalleryManifest, long> size, Func<GalleryManifest, long, ValueTask<OpenGallery>> open)
        => (_memory, _size, _open) = (memory, size, open);

    /// <summary>Bytes that open galleries may take now.</summary>
    public long Bytes { get { lock (_lock) return _bytes; } }

    /// <summary>Categories that are open.</summary>
    public int Count { get { lock (_lock) return _entries.Count; } }

    /// <summary>Galleries opened so far: many more than there are categories and versions say that memory is short.</summary>
    public long Opened => Interlocked.Read(ref _opened);

    /// <summary>The category's gallery if it is open in this version or a later one and nobody waits; dispose it after use.</summary>
    public OpenGallery? TryRent(string category, int version)
    {
        lock (_lock)
            return _waiting.Count == 0 && _entries.TryGetValue(category, out var entry) && entry.Version >= version
                && entry.Gallery is { } gallery ? Lease(gallery, Use(entry)) : null;
    }

    /// <summary>The gallery of this version, or of a later one that is open; dispose it after use. An older one of its category
    /// is closed.</summary>
    /// <exception cref="SpadeException">InvalidArgument: the budget is too small for it. ResourceExhausted, with a time to come
    /// back: there will be no room before an <see cref="RentExclusivelyAsync"/> ends. As <see cref="OpenGallery.LoadAsync"/>.</exception>
    public ValueTask<OpenGallery> RentAsync(GalleryManifest manifest, CancellationToken cancellationToken = default)
        => RentAsync(new Waiting(manifest, _size(manifest), Alone: false), cancellationToken);

    /// <summary>For work of minutes, such as learning thresholds: exactly this version, for the caller alone, closed when
    /// disposed. One at a time, so that images still find room beside it.</summary>
    public async ValueTask<OpenGallery> RentExclusivelyAsync(GalleryManifest manifest, CancellationToken cancellationToken = default)
    {
        await _alone.WaitAsync(cancellationToken);
        try
        {
            long bytes = _size(manifest);
            var gallery = await RentAsync(new Waiting(manifest, bytes, Alone: true), cancellationToken);
            Work(bytes);
            return new OpenGallery(gallery.Manifest, gallery.Coordinator, new Leaving(() => Work(0)), gallery,
                new Leaving(() => _alone.Release()));
        }
        catch
        {
            _alone.Release();
            throw;
        }
    }

    /// <summary>Closes the galleries, files and all, before it returns; those in use when their last user leaves.</summary>
    public void Dispose()
    {
        Task[] closing;
        lock (_lock)
        {
            foreach (var entry in _entries.Values.ToArray()) Retire(entry);
            closing = [.. _closings];
        }
        // What goes wrong while closing, such as a database that is gone, is nothing that who leaves could mend.
        Task.WhenAll(closing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
    }

    private async ValueTask<OpenGallery> RentAsync(Waiting waiting, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _waiting.Enqueue(waiting);
            Admit();
        }
        Entry entry;
        await using (cancellationToken.Register(() =>
        {
            if (!waiting.Admitted.TrySetCanceled(cancellationToken)) return;
            lock (_lock) Admit();
        }))
            entry = await waiting.Admitted.Task;
        try
        {
            // A caller that gives up does not stop the opening: others may wait for it too.
            return Lease(await entry.Opening.WaitAsync(cancellationToken), entry);
        }
        catch
        {
            Leave(entry);
            throw;
        }
    }

    /// <summary>Long work takes so many bytes from now on; who would have to wait for its end is told.</summary>
    private void Work(long bytes)
    {
        lock (_lock)
        {
            _working = bytes;
            Admit();
        }
    }

    private OpenGallery Lease(OpenGallery gallery, Entry entry) =>
        new(gallery.Manifest, gallery.Coordinator, new Leaving(() => Leave(entry)));

    /// <summary>Lets in those waiting, in order, until one finds no room. Under the lock.</summary>
    private void Admit()
    {
        while (_waiting.TryPeek(out var next))
        {
            if (!next.Admitted.Task.IsCompleted)
            {
                if (Find(next) is { } entry)
                {
                    Use(entry);
                    if (!next.Admitted.TrySetResult(entry)) Left(entry);
                }
                else if (!next.Admitted.Task.IsCompleted)
                {
                    return;
                }
            }
            _waiting.Dequeue();
        }
    }

    /// <summary>The gallery asked for, perhaps being opened only now; null: there is no room yet, or there will be none.
    /// Under the lock.</summary>
    private Entry? Find(Waiting asked)
    {
        var manifest = asked.Manifest;
        if (!asked.Alone && _entries.TryGetValue(manifest.Category, out var known))
        {
            if (known.Version >= manifest.Version) return known;
            Retire(known);
        }
        if (!asked.Alone && asked.Bytes > _memory - _working)
        {
            asked.Admitted.TrySetException(new SpadeException(SpadeError.ResourceExhausted,
                $"category '{manifest.Category}' finds no room in memory while thresholds are learnt; try again, or allow more memory")
            { RetryAfter = TimeSpan.FromSeconds(5) });
            return null;
        }
        long lacking = _bytes - _closing + asked.Bytes - _memory;
        // Where all that is idle would not do, nothing is closed in vain.
        if (lacking > _idle.Sum(e => e.Bytes)) return null;
        for (; lacking > 0; lacking -= Retire(_idle.First!.Value)) { }
        if (_bytes + asked.Bytes > _memory) return null;

        _bytes += asked.Bytes;
        var entry = new Entry(manifest, asked.Bytes, asked.Alone);
        if (!asked.Alone) _entries.Add(manifest.Category, entry);
        entry.Opening = Task.Run(() => OpenAsync(entry));
        return entry;
    }

    /// <summary>The opening is a user too: whoever else gives up meanwhile, it is not closed before it is open.</summary>
    private async Task<OpenGallery> OpenAsync(Entry entry)
    {
        try
        {
            Interlocked.Increment(ref _opened);
            return entry.Gallery = await _open(entry.Manifest, entry.Bytes);
        }
        finally
        {
            Leave(entry);
        }
    }

    private Entry Use(Entry entry)
    {
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
        // One that could not be opened is forgotten, so that the next image tries again.
        if (entry.Gallery is null) Retire(entry);
        else if (!entry.Retired) _idle.AddLast(entry);
        if (entry.Retired) Close(entry);
    }

    /// <summary>Takes an entry out; it is closed now if nobody uses it, else when its last user leaves. Under the lock.</summary>
    /// <returns>Its bytes.</returns>
    private long Retire(Entry entry)
    {
        entry.Retired = true;
        if (_entries.GetValueOrDefault(entry.Manifest.Category) == entry) _entries.Remove(entry.Manifest.Category);
        if (_idle.Remove(entry)) Close(entry);
        return entry.Bytes;
    }

    /// <summary>Its bytes are free when it is closed, which may ask a database to let go of the version. Under the lock.</summary>
    private void Close(Entry entry)
    {
        _closing += entry.Bytes;
        Task? closing = null;
        closing = Task.Run(() =>
        {
            try
            {
                if (entry.Gallery is not { } gallery) return;
                gallery.Dispose();
                Collect(GC.CollectionCount(GC.MaxGeneration));
            }
            finally
            {
                lock (_lock)
                {
                    _closings.Remove(closing!);
                    _bytes -= entry.Bytes;
                    _closing -= entry.Bytes;
                    Admit();
                }
            }
        });
        _closings.Add(closing);
    }

    /// <summary>Level data is the collector's: at its own pace it would let as much again pile up before it looks. Several that are
    /// closed for a large one are collected together.</summary>
    /// <param name="seen">Collections when the gallery was closed: a later one has done it.</param>
    private static void Collect(int seen)
    {
        lock (Collecting)
            if (GC.CollectionCount(GC.MaxGeneration) == seen) GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
    }

    /// <summary>A gallery and its users. Touched under the lock.</summary>
    private sealed class Entry(GalleryManifest manifest, long bytes, bool alone)
    {
        public GalleryManifest Manifest => manifest;
        public int Version => manifest.Version;
        public long Bytes => bytes;

        /// <summary>The first one opens it.</summary>
        public int Users { get; set; } = 1;

        /// <summary>Whether it is to be closed when nobody uses it.</summary>
        public bool Retired { get; set; } = alone;
        public Task<OpenGallery> Opening { get; set; } = null!;
        public volatile OpenGallery? Gallery;
    }

    private sealed record Waiting(GalleryManifest Manifest, long Bytes, bool Alone)
    {
        public TaskCompletionSource<Entry> Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Leaving(Action leave) : IDisposable
    {
        public void Dispose() => leave();
    }
}
