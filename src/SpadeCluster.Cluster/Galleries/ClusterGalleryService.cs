using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>A gallery service that sends changes to the category's grain.</summary>
/// <param name="reading">Reads galleries; in a silo, from the store.</param>
internal sealed class ClusterGalleryService(IGalleryReader reading, ChangeCalls changes, ManifestCache manifests) : IGalleryService
{
    public ValueTask<GalleryManifest?> AddAsync(string category, IReadOnlyList<ImageSource> sources, IProgress<AddOutcome>? progress = null,
        string? reason = null, NewCategory? asNew = null, CancellationToken cancellationToken = default)
        => AddAsync(category, sources.ToAsyncEnumerable(), progress, reason, asNew, cancellationToken);

    public async ValueTask<GalleryManifest?> AddAsync(string category, IAsyncEnumerable<ImageSource> sources,
        IProgress<AddOutcome>? progress = null, string? reason = null, NewCategory? asNew = null,
        CancellationToken cancellationToken = default)
        => await changes.RunAsync(category, new AddImages(reason, asNew?.Sizes is { } sizes ? [.. sizes] : null, asNew?.Copies), sources,
            progress, null,
            cancellationToken) is > 0 and var version
            && await manifests.GetAsync(category, version, cancellationToken) is { Deletion: null } current ? current : null;

    public ValueTask<GalleryManifest> RetireAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default)
        => ChangeAsync(category, new RetireImages([.. images], reason), null, cancellationToken);

    public ValueTask<GalleryManifest> RestoreAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default)
        => ChangeAsync(category, new RestoreImages([.. images], reason), null, cancellationToken);

    public ValueTask<GalleryManifest> RollBackAsync(string category, int version, string reason,
        CancellationToken cancellationToken = default)
        => ChangeAsync(category, new RollBack(version, reason), null, cancellationToken);

    public ValueTask<GalleryManifest> BeginTrialAsync(string category, string reason, CancellationToken cancellationToken = default)
        => ChangeAsync(category, new BeginTrial(reason), null, cancellationToken);

    public ValueTask<GalleryManifest> CalibrateAsync(string category, ScoringOptions options, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
        => ChangeAsync(category, new Calibrate(options), progress, cancellationToken);

    public ValueTask<GalleryManifest> CalibrateWithinAsync(string category, ScoringOptions options, ThresholdBounds within,
        CancellationToken cancellationToken = default)
        => ChangeAsync(category, new Calibrate(options, within), null, cancellationToken);

    public ValueTask<GalleryManifest> AcceptAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default)
        => ChangeAsync(category, new AcceptImages([.. images], reason), null, cancellationToken);

    public async ValueTask<GalleryManifest> SetRegionAsync(string category, ImageSource? mask, string reason,
        CancellationToken cancellationToken = default)
    {
        byte[]? file = mask is null ? null : await mask.ReadAsync(cancellationToken);
        return await ChangeAsync(category, new SetRegion(mask?.Name ?? "", file, reason), null, cancellationToken);
    }

    public ValueTask<GalleryManifest> ReshardAsync(string category, int count, CancellationToken cancellationToken = default)
        => ChangeAsync(category, new Reshard(count), null, cancellationToken);

    public async ValueTask<CompactionReport> CompactAsync(string category, Retention retention,
        CancellationToken cancellationToken = default)
    {
        var change = new Compact(retention.Versions, retention.Age);
        return (await changes.FollowAsync(category, change, null, null, null, cancellationToken)).Compacted
            ?? throw new SpadeException(SpadeError.Unavailable, "the silo that compacted is of an older build and sent no report");
    }

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default) =>
        reading.ListAsync(cancellationToken);

    public ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default) =>
        reading.GetAsync(category, cancellationToken);

    public ValueTask<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken = default) =>
        reading.HistoryAsync(category, cancellationToken);

    public ValueTask<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken = default) =>
        reading.GetVersionAsync(category, version, cancellationToken);

    public ValueTask<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile = null,
        CancellationToken cancellationToken = default)
        => reading.GetThumbnailAsync(category, id, tile, cancellationToken);

    public ValueTask<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken = default) =>
        reading.ListDeletedAsync(cancellationToken);

    public async ValueTask<DeletedCategory> DeleteAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        int images = (await GetAsync(category, cancellationToken)).Images.Count;
        return DeletedCategory.Of(await ChangeAsync(category, new DeleteCategory(reason), null, cancellationToken), images);
    }

    public ValueTask<GalleryManifest> UndeleteAsync(string category, string reason, CancellationToken cancellationToken = default)
        => ChangeAsync(category, new UndeleteCategory(reason), null, cancellationToken);

    public async ValueTask<GalleryManifest> RenameAsync(string category, string name, string reason,
        CancellationToken cancellationToken = default)
    {
        await changes.RunAsync(category, new RenameCategory(name, reason), null, null, null, cancellationToken);
        return await GetAsync(name, cancellationToken);
    }

    private async ValueTask<GalleryManifest> ChangeAsync(string category, CategoryChange change, IProgress<int>? done,
        CancellationToken cancellationToken)
        => await manifests.GetAsync(category, await changes.RunAsync(category, change, null, null, done, cancellationToken),
            cancellationToken);
}
