using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

public sealed partial class GalleryService
{
    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default) =>
        store.ListCategoriesAsync(cancellationToken);

    public async ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default)
    {
        var current = await store.ReadCurrentAsync(CategoryName.Check(category), cancellationToken) ?? throw NoCategory(category);
        return current.Deletion is null ? current : throw Deletion.Refuse(current);
    }

    public ValueTask<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => store.ReadVersionAsync(CategoryName.Check(category), version, cancellationToken);

    public async ValueTask<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken = default)
    {
        var versions = await store.ListVersionsAsync(CategoryName.Check(category), cancellationToken);
        if (versions.Count == 0) throw NoCategory(category);
        await RequireNotDeletedAsync(category, versions[^1], cancellationToken);
        var history = new List<GalleryVersion>(versions.Count);
        foreach (int version in versions)
        {
            try
            {
                history.Add(GalleryVersion.Of(await store.ReadVersionAsync(category, version, cancellationToken)));
            }
            catch (SpadeException e) when (e.Error is SpadeError.DataLoss or SpadeError.FailedPrecondition)
            {
                history.Add(GalleryVersion.Unreadable(version, e.Message));
            }
        }
        return history;
    }

    public async ValueTask<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile = null,
        CancellationToken cancellationToken = default)
    {
        var current = await GetAsync(category, cancellationToken);
        var grid = GalleryTiles.Of(current).Grid;
        return tile is < 0 || tile >= grid.Count
            ? throw new SpadeException(SpadeError.NotFound, $"photographs of category '{category}' have {grid.Count} tiles, from 0 on")
            : current.Images.Any(i => i.Id == id)
            ? await store.ReadThumbnailAsync(category, id.Row(tile ?? grid.PictureRow), current.Model, cancellationToken)
            : throw new SpadeException(SpadeError.NotFound, $"category '{category}' has no image {id}");
    }

    /// <summary>Reads every byte of every kept version.</summary>
    /// <returns>One sentence per damaged or missing version or image; empty when all is well.</returns>
    public async ValueTask<IReadOnlyList<string>> VerifyAsync(string category, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var problems = new List<string>();
        var images = new SortedDictionary<ImageId, FeatureModel>();
        // Listing does not use the pointer to the current version, so that versions are checked also if the pointer is damaged.
        var versions = await store.ListVersionsAsync(CategoryName.Check(category), cancellationToken);
        if (versions.Count == 0) throw NoCategory(category);
        await CheckAsync(async () => await store.ReadCurrentAsync(category, cancellationToken));
        foreach (int version in versions)
        {
            await CheckAsync(async () =>
            {
                var manifest = await store.CheckVersionAsync(category, version, cancellationToken);
                foreach (var id in GalleryTiles.Of(manifest).Ids) images.TryAdd(id, manifest.Model);
            });
        }
        int done = 0;
        foreach (var (id, model) in images)
        {
            await CheckAsync(async () =>
            {
                await store.ReadFeaturesAsync(category, id, model, cancellationToken);
                await store.ReadThumbnailAsync(category, id, model, cancellationToken);
                await store.ReadPyramidAsync(category, id, model, cancellationToken);
            });
            progress?.Report(++done);
        }
        await CheckAsync(() => store.CheckCopiesAsync(category, cancellationToken));
        return problems;

        async ValueTask CheckAsync(Func<ValueTask> read)
        {
            try
            {
                await read();
            }
            catch (SpadeException e)
            {
                if (!problems.Contains(e.Message)) problems.Add(e.Message);
            }
        }
    }

    private static SpadeException NoCategory(string category)
        => new(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");
}
