namespace SpadeCluster.Galleries;

/// <summary>
/// A trial is a row of versions that never decide. The first one is the same as the version that decides; every change after it is made to
/// the newest version, as always, and is on trial as well. It ends with the next version that is made by <see cref="RollBackAsync"/>.
/// </summary>
public sealed partial class GalleryService
{
    public async ValueTask<GalleryManifest> BeginTrialAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        if (current.Trial)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"version {current.Version} of '{category}' is on trial already: change, publish or discard it");
        if (current.Calibration is null)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"the newest version of '{category}' has no thresholds, and would never decide: learn its thresholds first");
        return await PublishAsync(current with { Version = current.Version + 1, Reason = $"begin a trial: {reason}", Trial = true },
            cancellationToken);
    }
}
