using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Galleries;

namespace SpadeCluster.Server.Decisions;

/// <summary>
/// Changes of a gallery by operators' feedback. Each is made without thresholds first, so that images are still scored with the previous
/// version. If the new thresholds are within bounds they are published, otherwise the change is undone.
/// </summary>
public sealed class FeedbackTrial(IScoringService scoring, IGalleryServices services, Recalibration recalibration, ThresholdAnchors anchors)
{
    /// <summary>Makes a photograph a normal.</summary>
    /// <param name="said">All feedback on it.</param>
    /// <returns>The normal that was added (null: it already was one), or the reason why an engineer has to decide.</returns>
    public Task<(string? ImageId, string? Objection)> AddAsync(string category, ImageSource photograph, IReadOnlyList<Feedback> said,
        string caller) => recalibration.TryAloneAsync<(string?, string?)>(category, async stop =>
    {
        var scored = await scoring.ScoreAsync(category, photograph, stop);
        if (GoodPartRule.Objection(scored.Result, said) is { } objection) return (null, objection);
        var galleries = services.For(caller);
        var before = await galleries.GetAsync(category, stop);
        if (before.Calibration is null) return (null, "the category's newest version has no thresholds yet");
        if (before.Trial) return (null, $"version {before.Version} is on trial");
        if (before.Images.FirstOrDefault(i => i.Id == scored.Id) is { } known)
            return (known.Source == photograph.Name ? known.Id.ToString() : null, null);
        string id = scored.Id.ToString();
        AddOutcome? outcome = null;
        string? problem = await ChangeAsync(galleries, before, async () =>
        {
            await galleries.AddAsync(category, [photograph], new InlineProgress<AddOutcome>(o => outcome = o), "said to be good");
            if (outcome?.Problem is { } unusable) throw new SpadeException(SpadeError.InvalidArgument, unusable);
        }, now => now.Images.Any(i => i.Id == scored.Id),
            () => galleries.RetireAsync(category, [id], "its feedback waits for an engineer"), stop);
        return problem is null ? (id, null) : (null, problem);
    });

    /// <summary>Retires a normal that feedback added.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: a threshold would change too much; nothing was changed.</exception>
    public Task<bool> RemoveAsync(string category, string imageId, string reason, string caller)
        => recalibration.TryAloneAsync(category, async stop =>
        {
            var galleries = services.For(caller);
            var before = await galleries.GetAsync(category, stop);
            if (!Has(before)) return false;
            if (before.Calibration is null)
                throw new SpadeException(SpadeError.FailedPrecondition,
                    "the category's newest version has no thresholds yet: try again later");
            if (before.Trial)
                throw new SpadeException(SpadeError.FailedPrecondition,
                    $"version {before.Version} is on trial: publish or discard it first");
            string? problem = await ChangeAsync(galleries, before,
                async () => await galleries.RetireAsync(category, [imageId], reason),
                now => !Has(now), () => galleries.RestoreAsync(category, [imageId], "feedback was not taken back"), stop);
            return problem is null ? true : throw new SpadeException(SpadeError.FailedPrecondition,
                $"it is not taken back, because {problem}; an engineer can retire the normal");

            bool Has(GalleryManifest version) => version.Images.Any(i => i.Id.ToString() == imageId);
        });

    /// <summary>Undoes an unfinished change of a previous server process: a photograph for which no thresholds were learned.</summary>
    public async Task WithdrawAsync(string category, string imageId, string caller)
    {
        var galleries = services.For(caller);
        var now = await galleries.GetAsync(category);
        if (now.Calibration is not null || now.Images.All(i => i.Id.ToString() != imageId)) return;
        var scoring = await galleries.FindScoringVersionAsync(category);
        now = await galleries.RetireAsync(category, [imageId], "its feedback was not checked to the end");
        if (scoring is not null && now.Calibration is not null) await anchors.KeepAsync(anchors.Of(scoring), now);
    }

    /// <param name="change">The change; short and not cancelled, so that its outcome is known.</param>
    /// <param name="made">Whether a version has the change.</param>
    /// <returns>Why the change was undone; null: it was made.</returns>
    private async Task<string?> ChangeAsync(IGalleryService galleries, GalleryManifest before, Func<Task> change,
        Func<GalleryManifest, bool> made, Func<ValueTask<GalleryManifest>> takeBack, CancellationToken stop)
    {
        var (category, anchor) = (before.Category, anchors.Of(before));
        try
        {
            await change();
            var after = await galleries.GetAsync(category, stop);
            if (after.Calibration is { } known) anchor.Bounds.Check(known);
            else after = await galleries.CalibrateWithinAsync(category, before.Calibration!.Options.FittedTo(after.Images.Count),
                anchor.Bounds, stop);
            await anchors.KeepAsync(anchor, after);
            // Another server with the same galleries may have changed it.
            return made(after) ? null : "somebody else changed the category at the same time";
        }
        catch (Exception e)
        {
            // For any failure (thresholds out of bounds, another change, a full disk) the images are restored.
            var now = await galleries.GetAsync(category);
            if (made(now)) now = await takeBack();
            if (now.NeedsCalibration()) now = await galleries.CalibrateAgainAsync(now, before.Calibration!.Options);
            await anchors.KeepAsync(anchor, now);
            if (e is SpadeException) return e.Message;
            throw;
        }
    }
}
