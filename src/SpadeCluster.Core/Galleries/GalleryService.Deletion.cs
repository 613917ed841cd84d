using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// A deletion is a version without images. So it is published in one step, the history shows it, and readers learn of it as of any
/// version. The earlier versions stay until <see cref="SweepAsync"/> removes them; their numbers are not used again.
/// </summary>
public sealed partial class GalleryService
{
    public async ValueTask<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken = default)
    {
        var deleted = new List<DeletedCategory>();
        foreach (var m in await store.ListDeletedAsync(cancellationToken))
            if (m.Deletion!.RenamedTo is null && await BeforeAsync(m, cancellationToken) is { } before)
                deleted.Add(DeletedCategory.Of(m, before.Images.Count));
        return deleted;
    }

    public async ValueTask<DeletedCategory> DeleteAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        var deleted = await EndAsync(current, $"delete: {reason}", new Deletion(_clock.GetUtcNow() + KeepDeleted), cancellationToken);
        if (KeepDeleted == TimeSpan.Zero) await RemoveDataAsync(category, cancellationToken);
        return DeletedCategory.Of(deleted, current.Images.Count);
    }

    public async ValueTask<GalleryManifest> UndeleteAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await store.ReadCurrentAsync(category, cancellationToken) ?? throw NoCategory(category);
        if (current.Deletion is null)
            throw new SpadeException(SpadeError.FailedPrecondition, (await HistoryAsync(category, cancellationToken))
                .LastOrDefault(v => v.Deleted) is { } gone
                ? $"category '{category}' has been created again since its deletion (version {gone.Version}): to use the deleted images "
                + $"instead, roll back to version {gone.Version - 1}"
                : $"category '{category}' is not deleted");
        if (current.Deletion.RenamedTo is not null) throw Deletion.Refuse(current);
        var before = await BeforeAsync(current, cancellationToken) ?? throw new SpadeException(SpadeError.NotFound,
            $"category '{category}' cannot be restored: its data was kept until {Deletion.Text(current.Deletion.Until)} and has been "
            + "removed");
        return await PublishAsync(before with { Version = current.Version + 1, Reason = $"undelete: {reason}" }, cancellationToken);
    }

    public async ValueTask<GalleryManifest> RenameAsync(string category, string name, string reason,
        CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        if (CategoryName.Check(category) == CategoryName.Check(name))
            throw new SpadeException(SpadeError.InvalidArgument, $"category '{category}' has this name already: give another one");
        // Always in the same order, so that two renamings cannot wait for each other.
        string[] names = [.. new[] { category, name }.Order(StringComparer.Ordinal)];
        using var first = await Lock(names[0], cancellationToken);
        using var second = await Lock(names[1], cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        int? last = await FreeNameAsync(store, name, cancellationToken);

        var versions = new List<GalleryManifest>();
        foreach (int version in await store.ListVersionsAsync(category, cancellationToken))
            versions.Add(await store.ReadVersionAsync(category, version, cancellationToken));
        var images = versions.SelectMany(m => GalleryTiles.Of(m).Ids, (m, id) => (Id: id, m.Model)).DistinctBy(i => i.Id).ToList();
        RequireRoom(name, images.Count, 1, current.Model);
        // The copies are complete before a version names them; the old name ends last. In between, both names are complete.
        await store.CopyImagesAsync(category, name, images, cancellationToken);
        var renamed = current with
        {
            Version = current.Version + 1,
            CreatedAt = _clock.GetUtcNow(),
            CreatedBy = author,
            Reason = $"rename from {category}: {reason}",
        };
        GalleryManifest[] all = [.. versions.Append(renamed).Select(m => m with { Category = name, Version = m.Version + (last ?? 0) })];
        await store.PublishAsync(name, last, all, cancellationToken);
        await EndAsync(current, $"rename to {name}: {reason}", new Deletion(_clock.GetUtcNow(), name), cancellationToken);
        await RemoveDataAsync(category, cancellationToken);
        return all[^1];
    }

    /// <summary>Removes the data of deleted categories whose time is over. Versions that a reader has pinned stay until the next
    /// sweep.</summary>
    /// <returns>The categories whose data was removed.</returns>
    /// <exception cref="SpadeException">The first failure, after all other categories.</exception>
    public async ValueTask<IReadOnlyList<string>> SweepAsync(CancellationToken cancellationToken = default)
    {
        var swept = new List<string>();
        SpadeException? failure = null;
        foreach (var known in await store.ListDeletedAsync(cancellationToken))
        {
            if (known.Deletion!.Until > _clock.GetUtcNow()
                || (await store.ListVersionsAsync(known.Category, cancellationToken)).Count < 2) continue;
            try
            {
                using var writer = await Lock(known.Category, cancellationToken);
                // Read again under the lock: it may have been restored.
                if (await store.ReadCurrentAsync(known.Category, cancellationToken) is not { Deletion: { } deletion }
                    || deletion.Until > _clock.GetUtcNow()) continue;
                await RemoveDataAsync(known.Category, cancellationToken);
                swept.Add(known.Category);
            }
            catch (SpadeException e) when (e.Error == SpadeError.FailedPrecondition)
            {
                // Another process changes or sweeps it now; what it leaves is for the next sweep.
            }
            catch (SpadeException e)
            {
                // The others are swept first: a damaged category must not keep the data of all that follow.
                failure ??= e;
            }
        }
        return failure is null ? swept : throw failure;
    }

    /// <summary>Checks that a name is free for a category that is brought with its versions.</summary>
    /// <returns>The highest version that the name ever had; null: none.</returns>
    /// <exception cref="SpadeException">FailedPrecondition: a category has it, or a deleted one that can be restored.</exception>
    public static async ValueTask<int?> FreeNameAsync(IGalleryStore store, string name, CancellationToken cancellationToken = default)
    {
        if (await store.ReadCurrentAsync(name, cancellationToken) is not { } known) return null;
        if (known.Deletion is null)
            throw new SpadeException(SpadeError.FailedPrecondition, $"category '{name}' exists already: use another name, or rename or "
                + "delete that one first");
        return (await store.ListVersionsAsync(name, cancellationToken)).Count == 1 ? known.Version : throw NameStillKept(known);
    }

    private async ValueTask<GalleryManifest> EndAsync(GalleryManifest current, string reason, Deletion deletion,
        CancellationToken cancellationToken)
        => await PublishAsync(current with
        {
            Version = current.Version + 1,
            Reason = reason,
            Images = [],
            Accepted = [],
            Weights = null,
            Region = null,
            Calibration = null,
            Deletion = deletion,
            Trial = false,
        }, cancellationToken);

    /// <summary>The version that a deletion ended; of a trial, the one before it, because nothing else would decide. Null: its data has
    /// been removed.</summary>
    private async ValueTask<GalleryManifest?> BeforeAsync(GalleryManifest deleted, CancellationToken cancellationToken)
    {
        var versions = await store.ListVersionsAsync(deleted.Category, cancellationToken);
        if (!versions.Contains(deleted.Version - 1)) return null;
        foreach (int version in versions.Where(v => v < deleted.Version).Reverse())
            if (await store.ReadVersionAsync(deleted.Category, version, cancellationToken) is { Trial: false } before) return before;
        return null;
    }

    private async ValueTask RemoveDataAsync(string category, CancellationToken cancellationToken)
    {
        if (Close is not null) await Close(category);
        await store.CompactAsync(category, await store.ListVersionsAsync(category, cancellationToken), cancellationToken);
    }

    /// <summary>A deleted category's features are reused for the same photographs, so they must have been computed in the same
    /// way.</summary>
    private async ValueTask RequireReusableAsync(string category, FeatureModel model, string preprocessing,
        CancellationToken cancellationToken)
    {
        var deleted = (await store.ReadCurrentAsync(category, cancellationToken))!;
        if (deleted.Deletion!.Until <= _clock.GetUtcNow()) await RemoveDataAsync(category, cancellationToken);
        bool kept = (await store.ListVersionsAsync(category, cancellationToken)).Count > 1;
        if (kept && (deleted.Model.Digest != model.Digest || deleted.Preprocessing != preprocessing))
            throw NameStillKept(deleted,
                $", or build it with model '{deleted.Model.Name}' after '{deleted.Preprocessing}', like the deleted one");
    }

    private async ValueTask RequireNotDeletedAsync(string category, int last, CancellationToken cancellationToken)
    {
        try
        {
            if (await store.ReadVersionAsync(category, last, cancellationToken) is { Deletion: not null } deleted)
                throw Deletion.Refuse(deleted);
        }
        catch (SpadeException e) when (e.Error is SpadeError.DataLoss or SpadeError.FailedPrecondition)
        {
            // A damaged version does not say that it deletes the category; the history shows the damage.
        }
    }

    private static SpadeException NameStillKept(GalleryManifest deleted, string otherwise = "") => new(SpadeError.FailedPrecondition,
        $"the data of the deleted category '{deleted.Category}' is kept until {Deletion.Text(deleted.Deletion!.Until)}: use another name "
        + $"until then{otherwise}");
}
