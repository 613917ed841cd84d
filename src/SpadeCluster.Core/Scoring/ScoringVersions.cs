using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// A changed gallery counts once it has thresholds. Until then images are scored by the newest version that has
/// some, so that a line is never without verdicts; a category that never had any is scored by its current version, without
/// them. Safe for concurrent calls.
/// </summary>
public sealed class ScoringVersions(IGalleryStore store)
{
    private readonly ConcurrentDictionary<string, (int Current, int Chosen)> _chosen = new(StringComparer.Ordinal);

    /// <summary>The version to score by while <paramref name="current"/> is the current one. Versions only grow, so what is
    /// chosen does too.</summary>
    public async ValueTask<int> ChooseAsync(string category, int current, CancellationToken cancellationToken = default)
    {
        if (_chosen.TryGetValue(category, out var known) && known.Current == current) return known.Chosen;
        // A version never changes, so they are read once for each one that is published.
        int chosen = current;
        foreach (int version in (await store.ListVersionsAsync(category, cancellationToken)).Where(v => v <= current).Reverse())
        {
            if (!await IsCalibratedAsync(category, version, cancellationToken)) continue;
            chosen = version;
            break;
        }
        _chosen[category] = (current, chosen);
        return chosen;
    }

    /// <summary>Looks again the next time: what was chosen has been compacted away.</summary>
    public void Forget(string category) => _chosen.TryRemove(category, out _);

    private async ValueTask<bool> IsCalibratedAsync(string category, int version, CancellationToken cancellationToken)
    {
        try
        {
            return (await store.ReadVersionAsync(category, version, cancellationToken)).Calibration is not null;
        }
        catch (SpadeException e) when (e.Error is SpadeError.NotFound or SpadeError.DataLoss)
        {
            // Damaged, or compacted away meanwhile: no version to score with.
            return false;
        }
    }
}
