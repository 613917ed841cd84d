using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage.Snapshots;

/// <summary>
/// One category as one tar file, from any store into any other:
/// <code>
/// CATEGORY/CURRENT                which version is current
/// CATEGORY/versions/000001.json   every kept version's manifest
/// CATEGORY/images/ab/ab12..spade  every segment they name
/// CATEGORY/SHA256SUMS             of all the files above, as sha256sum writes it; the last entry
/// </code>
/// It has the layout of the file store: unpacked into an empty gallery folder it is that category.
/// </summary>
public static class Snapshot
{
    internal const string Sums = "SHA256SUMS";
    private const string Current = "CURRENT", Versions = "versions", Images = "images";

    /// <summary>Exports a category with all kept versions and checks every byte. Writers may continue meanwhile.</summary>
    /// <returns>Versions and images in the file.</returns>
    /// <exception cref="SpadeException">NotFound: no such category. DataLoss: it is damaged; <paramref name="path"/> is then unchanged.
    /// ResourceExhausted and Unavailable: it could not be written.</exception>
    /// <param name="progress">Gets the images written so far, and all of them.</param>
    /// <param name="reserve">Bytes of the file's disk that stay free.</param>
    public static async Task<(int Versions, int Images)> ExportAsync(GalleryStore store, string category, string path,
        IProgress<(int Done, int Total)>? progress = null, long reserve = 0, CancellationToken cancellationToken = default)
    {
        var versions = await store.ListVersionsAsync(category, cancellationToken);
        if (versions.Count == 0)
            throw new SpadeException(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");
        var pins = new List<IDisposable>();
        try
        {
            var manifests = new List<GalleryManifest>();
            foreach (int version in versions)
            {
                pins.Add(await store.PinAsync(category, version, cancellationToken));
                manifests.Add(await store.ReadVersionAsync(category, version, cancellationToken));
            }
            if (manifests[^1].Deletion is not null) throw Deletion.Refuse(manifests[^1]);
            var images = manifests.SelectMany(m => GalleryTiles.Of(m).Ids, (m, id) => (Id: id, m.Model)).DistinctBy(i => i.Id)
                .OrderBy(i => i.Id).ToList();
            path = Path.GetFullPath(path);
            var disk = reserve > 0 ? new DriveInfo(Path.GetDirectoryName(path)!) : null;
            DurableFile.Write(path, path + ".tmp", stream =>
            {
                using var tar = new SnapshotWriter(stream, category);
                Add(Current, PointerFile.Write(versions[^1]));
                foreach (var manifest in manifests)
                    Add($"{Versions}/{CategoryFolder.ManifestName(manifest.Version)}", ManifestFile.Write(manifest));
                foreach (var (i, (id, model)) in images.Index())
                {
                    Add($"{Images}/{id.ToString()[..2]}/{CategoryFolder.ImageName(id)}",
                        store.ReadSegmentAsync(category, id, model, cancellationToken).AsTask().GetAwaiter().GetResult());
                    progress?.Report((i + 1, images.Count));
                }
                tar.Finish();

                void Add(string name, byte[] content)
                {
                    // Before each file, because others write to the disk, too.
                    if (disk?.AvailableFreeSpace < reserve + content.Length)
                        throw new SpadeException(SpadeError.ResourceExhausted,
                            $"the snapshot does not fit on its disk, of which {reserve >> 20} MB must stay free")
                        { StorageFull = true };
                    tar.Add(name, content);
                }
            });
            return (versions.Count, images.Count);
        }
        finally
        {
            foreach (var pin in pins) pin.Dispose();
        }
    }

    /// <summary>
    /// Imports a snapshot as a new category. The category is published in the last step, after everything was checked; a failed import
    /// deletes what it wrote.
    /// </summary>
    /// <returns>The current version.</returns>
    /// <exception cref="SpadeException">InvalidArgument: not a snapshot. DataLoss: damaged or incomplete.
    /// FailedPrecondition: the category exists. ResourceExhausted and Unavailable: it could not be written.</exception>
    /// <param name="expected">The category that the file must have; null: any.</param>
    /// <param name="author">The author of a further version, which says that the snapshot was imported; null: none.</param>
    /// <param name="progress">Gets the images stored so far, and all of them.</param>
    public static async Task<GalleryManifest> ImportAsync(GalleryStore store, string path, string? expected = null, string? author = null,
        IProgress<(int Done, int Total)>? progress = null, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            await using var tar = new SnapshotReader(file, path);
            var (category, name, content) = await tar.ReadAsync(cancellationToken) ?? throw Not(path);
            int current = name == Current && PointerFile.Parse(content) is { } version ? version : throw Not(path);
            if (expected is not null && category != expected)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"the snapshot has category '{category}', not '{expected}': import it under its own name, and rename it then");
            using var writer = await store.LockAsync(CategoryName.Check(category), cancellationToken);
            int? last = await GalleryService.FreeNameAsync(store, category, cancellationToken);
            try
            {
                var manifests = await ReadAsync(store, tar, category, current, path, progress, cancellationToken);
                if (manifests[^1].Deletion is not null) throw Not(path);
                if (author is not null)
                    manifests = [.. manifests, manifests[^1] with
                    {
                        Version = manifests[^1].Version + 1,
                        CreatedAt = DateTimeOffset.UtcNow,
                        CreatedBy = author,
                        Reason = "import a snapshot",
                    }];
                // A name that was used before continues its numbers.
                if (last is { } used) manifests = [.. manifests.Select(m => m with { Version = m.Version + used })];
                await store.PublishAsync(category, last, manifests, cancellationToken);
                return manifests[^1];
            }
            catch
            {
                // Publishing can fail after it took effect, for example when the database's answer is lost.
                if (await store.ReadCurrentVersionAsync(category, CancellationToken.None) == last)
                    await store.DeleteAsync(category, [], new HashSet<ImageId>(), CancellationToken.None);
                throw;
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new SpadeException(SpadeError.DataLoss, $"'{path}' is not a gallery snapshot, or not a complete one: {e.Message}", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.NotFound, $"no file '{path}'", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.Unavailable, $"'{path}' could not be read: {e.Message}", e);
        }
    }

    private static async ValueTask<IReadOnlyList<GalleryManifest>> ReadAsync(GalleryStore store, SnapshotReader tar, string category,
        int current, string path, IProgress<(int Done, int Total)>? progress, CancellationToken cancellationToken)
    {
        var manifests = new List<GalleryManifest>();
        var models = new Dictionary<ImageId, FeatureModel>();
        var stored = new HashSet<ImageId>();
        while (await tar.ReadAsync(cancellationToken) is var (_, name, content))
        {
            string where = $"'{name}' in '{path}'", file = Path.GetFileName(name);
            if (name == Sums)
            {
                tar.CheckSums(content);
                if (manifests.Count == 0 || manifests[^1].Version != current || stored.Count != models.Count)
                    throw new SpadeException(SpadeError.DataLoss,
                        $"'{path}' is incomplete: it lacks "
                        + $"{(stored.Count != models.Count ? $"{models.Count - stored.Count} image(s)" : $"version {current}")}");
                return manifests;
            }
            if (name == $"{Versions}/{file}" && CategoryFolder.TryParseManifestName(file, out int version)
                && version > (manifests.LastOrDefault()?.Version ?? 0))
            {
                var manifest = ManifestFile.Parse(content, category, version, where);
                foreach (var id in GalleryTiles.Of(manifest).Ids) models.TryAdd(id, manifest.Model);
                manifests.Add(manifest);
            }
            else if (name == $"{Images}/{file[..Math.Min(2, file.Length)]}/{file}" && CategoryFolder.TryParseImageName(file, out var row)
                && models.TryGetValue(row, out var model) && stored.Add(row))
            {
                Segment.Verify(content, row, model, where);
                await store.WriteSegmentAsync(category, row, content, cancellationToken);
                progress?.Report((stored.Count, models.Count));
            }
            else throw Not(path);
        }
        throw new SpadeException(SpadeError.DataLoss, $"'{path}' is truncated: its {Sums} is missing");
    }

    internal static SpadeException Not(string path) =>
        new(SpadeError.InvalidArgument, $"'{path}' is not a gallery snapshot; make one with 'spade gallery export'");
}
