namespace SpadeCluster.Galleries;

/// <summary>Ends a trial that <see cref="IGalleryService.BeginTrialAsync"/> began, in one of two ways.</summary>
public static class GalleryTrial
{
    /// <summary>Lets the newest version on trial decide.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: no version is on trial. As for rolling back.</exception>
    public static async ValueTask<GalleryManifest> PublishTrialAsync(this IGalleryService galleries, string category, string reason,
        CancellationToken cancellationToken = default)
    {
        var trial = await RequireAsync(galleries, category, cancellationToken);
        return await galleries.RollBackAsync(category, trial.Version, reason, cancellationToken);
    }

    /// <summary>Makes the version that decides the newest one again. The versions of the trial stay in the history.</summary>
    /// <inheritdoc cref="PublishTrialAsync"/>
    public static async ValueTask<GalleryManifest> DiscardTrialAsync(this IGalleryService galleries, string category, string reason,
        CancellationToken cancellationToken = default)
    {
        await RequireAsync(galleries, category, cancellationToken);
        var deciding = await galleries.FindScoringVersionAsync(category, cancellationToken)
            ?? throw new SpadeException(SpadeError.FailedPrecondition, $"no version of '{category}' decides: publish the one on trial");
        return await galleries.RollBackAsync(category, deciding.Version, reason, cancellationToken);
    }

    private static async ValueTask<GalleryManifest> RequireAsync(IGalleryService galleries, string category,
        CancellationToken cancellationToken)
        => await galleries.GetAsync(category, cancellationToken) is { Trial: true } trial ? trial
            : throw new SpadeException(SpadeError.FailedPrecondition, $"no version of '{category}' is on trial");
}
