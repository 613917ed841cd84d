namespace SpadeCluster.Galleries;

/// <summary>Which versions compaction keeps: the newest <paramref name="Versions"/>, and all that were current within the last
/// <paramref name="Age"/>. The current version is always kept, the newest one with thresholds, by which images are judged until
/// the current one has some, and any that a reader has pinned.</summary>
/// <param name="Versions">At least 1.</param>
/// <param name="Age">Null: age keeps nothing.</param>
public sealed record Retention(int Versions = 20, TimeSpan? Age = null)
{
    /// <summary>The versions to drop.</summary>
    /// <param name="history">All versions, ascending.</param>
    /// <param name="now">The present.</param>
    /// <exception cref="SpadeException">InvalidArgument: a count below 1 or a negative age.</exception>
    public IReadOnlyList<int> Drop(IReadOnlyList<GalleryVersion> history, DateTimeOffset now)
    {
        if (Versions < 1) throw new SpadeException(SpadeError.InvalidArgument, $"cannot keep {Versions} versions: keep at least 1, the current one");
        if (Age < TimeSpan.Zero) throw new SpadeException(SpadeError.InvalidArgument, $"cannot keep versions of the last {Age}: give an age of zero or more");
        int judged = history.LastOrDefault(v => v.Calibrated)?.Version ?? 0;
        // A version was current until the next one was made, however old it is itself.
        return [.. history.Zip(history.Skip(1)).SkipLast(Versions - 1)
            .Where(v => Age is not { } age || v.First.Problem is not null || v.Second.CreatedAt < now - age).Select(v => v.First.Version).Where(v => v != judged)];
    }
}

/// <summary>What compaction did.</summary>
/// <param name="Dropped">Versions that are gone.</param>
/// <param name="InUse">Versions that should have gone but are pinned by a reader; the next compaction takes them.</param>
/// <param name="Images">Images deleted because no version left needs them.</param>
/// <param name="Bytes">Bytes those images took.</param>
public sealed record CompactionReport(IReadOnlyList<int> Dropped, IReadOnlyList<int> InUse, int Images, long Bytes);
