using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// Chooses the version that images are scored with: the newest one with thresholds that is not on trial, so that a line has verdicts also
/// while the thresholds of a changed gallery are being learned. A category that never had thresholds is scored with its current version,
/// without verdicts. Safe for concurrent calls.
/// </summary>
public sealed class ScoringVersions(IGalleryStore store)
{
    private readonly ConcurrentDictionary<string, (int Current, int Chosen)> _chosen = new(StringComparer.Ordinal);

    /// <summary>The version to score with while <paramref name="current"/> is the current one. It never decreases, because versions do
    /// not.</summary>
    /// <exception cref="SpadeException">NotFound: the category is deleted. FailedPrecondition: all versions that can be read are on
    /// trial.</exception>
    public async ValueTask<int> ChooseAsync(string category, int current, CancellationToken cancellationToken = default)
    {
        if (_chosen.TryGetValue(category, out var known) && known.Current == current) return known.Chosen;
        // Versions never change, so they are read once for each published version.
        int? chosen = null;
        foreach (int version in (await store.ListVersionsAsync(category, cancellationToken)).Where(v => v <= current).Reverse())
        {
            var manifest = await ReadAsync(category, version, cancellationToken);
            if (manifest?.Deletion is not null)
            {
                if (version == current) throw Deletion.Refuse(manifest);
                // Thresholds of a deleted category do not hold for a new one of its name.
                break;
            }
            if (manifest is { Trial: true }) continue;
            chosen ??= version;
            if (manifest?.Calibration is null) continue;
            chosen = version;
            break;
        }
        int found = chosen ?? throw new SpadeException(SpadeError.FailedPrecondition,
            $"every version of '{category}' that can be read is on trial: publish one with 'spade gallery rollback {category} VERSION'");
        _chosen[category] = (current, found);
        return found;
    }

    /// <summary>Makes the next call choose again, because the chosen version was compacted away.</summary>
    public void Forget(string category) => _chosen.TryRemove(category, out _);

    private async ValueTask<GalleryManifest?> ReadAsync(string category, int version, CancellationToken cancellationToken)
    {
        try
        {
            return await store.ReadVersionAsync(category, version, cancellationToken);
        }
        catch (SpadeException e) when (e.Error is SpadeError.NotFound or SpadeError.DataLoss)
        {
            // Damaged, or compacted away meanwhile: no version to score with.
            return null;
        }
    }
}
