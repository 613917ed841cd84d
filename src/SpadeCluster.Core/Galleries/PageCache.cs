namespace SpadeCluster.Galleries;

/// <summary>
/// Keeps the level data of images in memory: at most <paramref name="capacity"/> pages exist at any time, including those in use and those
/// being read; the least recently used page is dropped for a new one. Safe for concurrent calls.
/// </summary>
/// <param name="capacity">Pages that may exist, at least 1.</param>
/// <param name="load">Reads an image's page. Its second argument is a page just dropped, whose memory can be used again
/// because nothing else uses it, or null.</param>
internal sealed class PageCache<TPage>(int capacity, Func<ImageId, TPage?, ValueTask<TPage>> load) where TPage : class
{
    /// <summary>Pages that a rental reads at the same time: two for each processor, because some wait for a disk or a database. Not more,
    /// because reading takes mostly processor time, some of it under the kernel's memory locks: on two processors, 50 at a time took a
    /// quarter longer than four at a time.</summary>
    private static readonly ParallelOptions AtOnce = new() { MaxDegreeOfParallelism = 2 * Environment.ProcessorCount };

    private readonly Lock _lock = new();
    private readonly Dictionary<ImageId, Entry> _entries = [];

    /// <summary>Entries not in use, least recently used first.</summary>
    private readonly LinkedList<Entry> _idle = new();

    /// <summary>Rentals that wait for pages, in order of arrival.</summary>
    private readonly Queue<(IReadOnlyList<ImageId> Ids, TaskCompletionSource<Entry[]> Admitted)> _waiting = new();

    public int Capacity { get; } = capacity;

    public bool Contains(ImageId id)
    {
        lock (_lock) return _entries.ContainsKey(id);
    }

    /// <summary>
    /// Rents the pages of some images until the rental is disposed. Waits while other rentals use too many pages. A rental gets all
    /// its pages at once or none, so two rentals never wait for each other, unless a caller rents while it holds a rental.
    /// </summary>
    /// <param name="ids">Distinct, at most <see cref="Capacity"/>.</param>
    public async ValueTask<Rental> RentAsync(IReadOnlyList<ImageId> ids, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ids.Count, Capacity, nameof(ids));
        var admitted = new TaskCompletionSource<Entry[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waiting.Enqueue((ids, admitted));
            Admit();
        }
        Entry[] entries;
        await using (cancellationToken.Register(() =>
        {
            if (!admitted.TrySetCanceled(cancellationToken)) return;
            lock (_lock) Admit();
        }))
            entries = await admitted.Task;
        try
        {
            // Each page is read by the first rental that takes it, without cancellation: others may await it too.
            await Parallel.ForEachAsync(entries.Where(e => e.Claim()), AtOnce, (e, _) => ReadAsync(e));
            var pages = new TPage[entries.Length];
            for (int i = 0; i < pages.Length; i++) pages[i] = await entries[i].Page.Task;
            return new Rental(pages, () => Release(entries));
        }
        catch
        {
            Release(entries);
            throw;
        }
    }

    private async ValueTask ReadAsync(Entry entry)
    {
        try
        {
            var recycled = entry.Recycled;
            entry.Recycled = null;
            entry.Page.SetResult(await load(entry.Id, recycled));
        }
        catch (Exception e)
        {
            entry.Page.SetException(e);
        }
    }

    /// <summary>Admits waiting rentals in order while there are enough pages. Called under the lock.</summary>
    private void Admit()
    {
        while (_waiting.TryPeek(out var next))
        {
            int inUse = _entries.Count - _idle.Count, shared = next.Ids.Count(id => _entries.TryGetValue(id, out var e) && e.Users > 0);
            bool cancelled = next.Admitted.Task.IsCompleted;
            if (!cancelled && inUse - shared + next.Ids.Count > Capacity) return;
            _waiting.Dequeue();
            if (cancelled) continue;
            var entries = Take(next.Ids);
            if (!next.Admitted.TrySetResult(entries)) Leave(entries);
        }
    }

    private Entry[] Take(IReadOnlyList<ImageId> ids)
    {
        // Cached pages are taken first, so that a new page cannot replace one of them.
        foreach (var id in ids)
            if (_entries.TryGetValue(id, out var entry) && entry.Users++ == 0)
                _idle.Remove(entry);
        return [.. ids.Select(id => _entries.TryGetValue(id, out var entry) ? entry : _entries[id] = NewEntry(id))];
    }

    private Entry NewEntry(ImageId id)
    {
        TPage? recycled = null;
        if (_entries.Count == Capacity)
        {
            var oldest = _idle.First!.Value; // not null: Admit has checked that there is room
            _idle.RemoveFirst();
            _entries.Remove(oldest.Id);
            recycled = oldest.Page.Task.Result;
        }
        return new Entry(id) { Users = 1, Recycled = recycled };
    }

    private void Release(Entry[] entries)
    {
        lock (_lock)
        {
            Leave(entries);
            Admit();
        }
    }

    private void Leave(Entry[] entries)
    {
        foreach (var entry in entries)
        {
            if (--entry.Users > 0) continue;
            // A page that could not be read is removed, so that the next rental tries again.
            if (entry.Page.Task.IsCompletedSuccessfully) _idle.AddLast(entry);
            else _entries.Remove(entry.Id);
        }
    }

    /// <summary>Pages in use, in the order they were asked for.</summary>
    public sealed class Rental(IReadOnlyList<TPage> pages, Action release) : IDisposable
    {
        private Action? _release = release;

        public IReadOnlyList<TPage> Pages { get; } = pages;

        public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
    }

    private sealed class Entry(ImageId id)
    {
        private int _claimed;

        public ImageId Id { get; } = id;
        public int Users { get; set; }
        public TPage? Recycled { get; set; }
        public TaskCompletionSource<TPage> Page { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>True for the first caller only.</summary>
        public bool Claim() => Interlocked.Exchange(ref _claimed, 1) == 0;
    }
}
