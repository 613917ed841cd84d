using System.Globalization;
using System.Text;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// Galleries in a folder:
/// <code>
/// CATEGORY/CURRENT                 number of the current version
/// CATEGORY/versions/000001.json    manifests, immutable
/// CATEGORY/images/ab/ab12...spade  one file per normal image, immutable
/// CATEGORY/LOCK                    held by the writer; the system releases it when the process ends, however it ends
/// </code>
/// Images are durable before a manifest names them, and a manifest before CURRENT does.
/// </summary>
public sealed class FileGalleryStore(string root) : IGalleryStore
{
    public string Root { get; } = Path.GetFullPath(root);

    public long? FreeBytes
    {
        get
        {
            var folder = new DirectoryInfo(Root);
            while (!folder.Exists && folder.Parent is not null) folder = folder.Parent;
            try
            {
                return new DriveInfo(folder.FullName).AvailableFreeSpace;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    public ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<string>>(!Directory.Exists(Root) ? []
            : [.. Directory.EnumerateDirectories(Root).Where(d => File.Exists(Path.Combine(d, "CURRENT"))).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)]);

    public ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default)
    {
        string pointer = Path.Combine(Folder(category), "CURRENT");
        try
        {
            return int.TryParse(File.ReadAllText(pointer).AsSpan().TrimEnd('\n'), NumberStyles.None, CultureInfo.InvariantCulture, out int version)
                ? ValueTask.FromResult<int?>(version)
                : throw new SpadeException(SpadeError.DataLoss, $"'{pointer}' is damaged: it should hold a version number; write the newest one in '{Path.Combine(Folder(category), "versions")}' into it");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return ValueTask.FromResult<int?>(null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.Unavailable, $"'{pointer}' could not be read: {e.Message}", e);
        }
    }

    public async ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default)
    {
        if (await ReadCurrentVersionAsync(category, cancellationToken) is not { } version) return null;
        var manifest = ManifestFile.Read(ManifestPath(category, version));
        return manifest.Category == category && manifest.Version == version ? manifest
            : throw new SpadeException(SpadeError.DataLoss, $"'{ManifestPath(category, version)}' belongs to version {manifest.Version} of '{manifest.Category}'; restore the right one from a backup");
    }

    public ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default)
    {
        string path = Path.Combine(Folder(category), "LOCK");
        DurableFile.CreateFolder(Root);
        DurableFile.CreateFolder(Folder(category));
        try
        {
            return ValueTask.FromResult<IDisposable>(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (File.Exists(path) && e is not (DirectoryNotFoundException or PathTooLongException))
        {
            throw new SpadeException(SpadeError.FailedPrecondition, $"category '{category}' is being changed by another process; try again when it is done", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw DurableFile.Explain(e, path);
        }
    }

    public ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid, byte[]? thumbnail = null, CancellationToken cancellationToken = default)
    {
        string path = ImagePath(category, id);
        DurableFile.CreateFolder(Path.Combine(Folder(category), "images"));
        DurableFile.CreateFolder(Path.GetDirectoryName(path)!);
        // A file left by an earlier attempt is written again: it is the same bytes, or damaged.
        DurableFile.Write(path, ImageSegment.Write(modelDigest, features, pyramid));
        return ValueTask.CompletedTask;
    }

    public ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default)
    {
        DurableFile.CreateFolder(Path.Combine(Folder(next.Category), "versions"));
        DurableFile.Write(ManifestPath(next.Category, next.Version), ManifestFile.Write(next));
        DurableFile.Write(Path.Combine(Folder(next.Category), "CURRENT"), Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{next.Version}\n")));
        return ValueTask.CompletedTask;
    }

    public ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(ImageSegment.ReadFeatures(ImagePath(category, id), model));

    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(ImageSegment.ReadPyramid(ImagePath(category, id), model));

    public ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    public ValueTask<GalleryManifest> ReadVersionAsync(string category, int version, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    public ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IDisposable>(new MemoryStream());

    public async ValueTask<float[][]> ReadPooledAsync(string category, IReadOnlyList<ImageId> ids, FeatureModel model, CancellationToken cancellationToken = default)
    {
        var pooled = new float[ids.Count][];
        for (int i = 0; i < pooled.Length; i++) pooled[i] = (await ReadFeaturesAsync(category, ids[i], model, cancellationToken)).Pooled;
        return pooled;
    }

    public ValueTask<byte[]?> ReadThumbnailAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken = default)
        => ValueTask.FromResult<byte[]?>(null);

    public ValueTask<CompactionReport> CompactAsync(string category, IReadOnlyList<int> drop, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    public long BytesPerImage(FeatureModel model) => ImageSegment.FileLength(model);

    private string Folder(string category) => Path.Combine(Root, CategoryName.Check(category));

    private string ManifestPath(string category, int version)
        => Path.Combine(Folder(category), "versions", version.ToString("000000", CultureInfo.InvariantCulture) + ".json");

    private string ImagePath(string category, ImageId id)
    {
        string name = id.ToString();
        return Path.Combine(Folder(category), "images", name[..2], name + ".spade");
    }
}
