namespace SpadeCluster.Galleries;

/// <summary>
/// The versions that compaction keeps: the newest <paramref name="Versions"/>, and all that were current within the last
/// <paramref name="Age"/>. The current version, the version that decides (the newest one with thresholds that is not on trial) and pinned
/// versions are always kept.
/// </summary>
/// <param name="Versions">At least 1.</param>
/// <param name="Age">Null: versions are not kept by age.</param>
public sealed record Retention(int Versions = 20, TimeSpan? Age = null)
{
    /// <summary>The versions to drop.</summary>
    /// <param name="history">All versions, ascending.</param>
    /// <param name="now">The current time.</param>
    /// <exception cref="SpadeException">InvalidArgument: a count below 1 or a negative age.</exception>
    public IReadOnlyList<int> VersionsToDrop(IReadOnlyList<GalleryVersion> history, DateTimeOffset now)
    {
        if (Versions < 1)
            throw new SpadeException(SpadeError.InvalidArgument, $"cannot keep {Versions} versions: keep at least 1, the current one");
        if (Age < TimeSpan.Zero)
            throw new SpadeException(SpadeError.InvalidArgument, $"cannot keep versions of the last {Age}: give an age of zero or more");
        int scoring = history.LastOrDefault(v => v.MayDecide)?.Version ?? 0;
        // A version was current until the next one was made, so the age of that one counts.
        return [.. history.Zip(history.Skip(1)).SkipLast(Versions - 1)
            .Where(v => Age is not { } age || v.First.Problem is not null || v.Second.CreatedAt < now - age).Select(v => v.First.Version)
            .Where(v => v != scoring)];
    }
}

/// <summary>The outcome of a compaction.</summary>
/// <param name="Dropped">Versions deleted.</param>
/// <param name="InUse">Versions kept because a reader has pinned them; a later compaction deletes them.</param>
/// <param name="Images">Images deleted because no remaining version needs them.</param>
/// <param name="Bytes">Bytes those images took.</param>
public sealed record CompactionReport(IReadOnlyList<int> Dropped, IReadOnlyList<int> InUse, int Images, long Bytes);
