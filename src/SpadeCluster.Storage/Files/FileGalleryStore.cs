using SpadeCluster.Galleries;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// Galleries in a folder, one <see cref="CategoryFolder"/> per category. Segments are durable before a manifest names them,
/// and a manifest before CURRENT does, so CURRENT names a complete version at any time. Locks are the system's (flock) and end with their
/// process; on network file systems that ignore flock, run only one writer.
/// </summary>
public sealed partial class FileGalleryStore(string root) : GalleryStore
{
    public string Root { get; } = Path.GetFullPath(root);

    public override string Location => Root;

    public override long? FreeBytes
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

    private protected override async ValueTask<IReadOnlyList<(string Category, int? Version)>> ListCurrentVersionsAsync(
        CancellationToken cancellationToken)
    {
        if (!Directory.Exists(Root)) return [];
        var current = new List<(string, int?)>();
        foreach (string category in Directory.EnumerateDirectories(Root).Where(d => File.Exists(Path.Combine(d, "CURRENT")))
            .Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal))
            current.Add((category, await TryReadCurrentAsync(category)));
        return current;
    }

    public override ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default)
    {
        string pointer = Folder(category).Current;
        var file = ReadFile(pointer);
        return ValueTask.FromResult<int?>(file is null ? null : PointerFile.Parse(file)
            ?? throw new SpadeException(SpadeError.DataLoss,
                $"'{pointer}' is damaged; 'spade gallery history {category}' lists the versions, 'spade gallery rollback' makes one "
                + $"current again"));
    }

    public override async ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default)
    {
        var folder = Folder(category);
        if (!File.Exists(folder.Current)) return [];
        int? current = await TryReadCurrentAsync(category);
        // A manifest newer than the pointer was never acknowledged; if the pointer is damaged, every manifest counts.
        return [.. folder.ManifestsPresent().Where(v => current is null || v <= current)];
    }

    public override ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default)
    {
        try
        {
            // FileShare.Read takes a shared lock; HoldAsync needs an exclusive one.
            return ValueTask.FromResult<IDisposable>(new FileStream(Folder(category).Manifest(version), FileMode.Open, FileAccess.Read,
                FileShare.Read));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException || IsLocked(e))
        {
            throw NoVersion(category, version);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(Folder(category).Manifest(version), e);
        }
    }

    public override ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default)
    {
        var folder = Folder(category);
        DurableFile.CreateFolder(folder.Path);
        FileStream? held = null;
        try
        {
            held = new FileStream(folder.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            if (Directory.Exists(folder.Temporary))
                foreach (string left in Directory.EnumerateFiles(folder.Temporary)) File.Delete(left);
            return ValueTask.FromResult<IDisposable>(held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw IsLocked(e) ? new SpadeException(SpadeError.FailedPrecondition,
                $"category '{category}' is being changed by another process; try again when it is done", e)
                : DurableFile.Explain(e, folder.LockFile);
        }
    }

    public override async ValueTask PublishAsync(string category, int? after, IReadOnlyList<GalleryManifest> next,
        CancellationToken cancellationToken = default)
    {
        var folder = Folder(category);
        int? current = await TryReadCurrentAsync(category);
        // If the pointer is damaged, the newest manifest counts as current: no version may ever be overwritten.
        if (current is null && File.Exists(folder.Current)) current = folder.ManifestsPresent().Last();
        if (current != after) throw Overtaken(category, next[0].Version, current);
        foreach (var id in next.SelectMany(m => GalleryTiles.Of(m).Ids).Distinct())
            if (!File.Exists(folder.Image(id))) throw Missing(category, id);
        await WriteCopiesAsync(category, await TryReadVersionAsync(category, current, cancellationToken), next[^1], cancellationToken);
        foreach (var manifest in next) folder.Write(folder.Manifest(manifest.Version), ManifestFile.Write(manifest));
        folder.Write(folder.Current, PointerFile.Write(next[^1].Version));
    }

    internal override ValueTask<ManifestStamp?> ReadManifestStampAsync(string category, int version, CancellationToken cancellationToken)
    {
        var file = new FileInfo(Folder(category).Manifest(version));
        return ValueTask.FromResult<ManifestStamp?>(file.Exists ? new($"{file.LastWriteTimeUtc.Ticks}", file.Length) : null);
    }

    internal override ValueTask<byte[]?> ReadManifestAsync(string category, int version, CancellationToken cancellationToken)
        => ValueTask.FromResult(ReadFile(Folder(category).Manifest(version)));

    internal override ValueTask<ISegmentSource> OpenAsync(string category, ImageId id, CancellationToken cancellationToken)
        => ValueTask.FromResult<ISegmentSource>(Open(category, id));

    internal override async ValueTask ReadPrefixesAsync(string category, IReadOnlyList<ImageId> ids, int length,
        Action<int, ReadOnlyMemory<byte>, long> received, CancellationToken cancellationToken)
    {
        // On pool threads: each small read waits for the disk, and a grain's thread must not wait.
        int workers = Math.Min(Environment.ProcessorCount, ids.Count);
        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(() =>
        {
            var buffer = new byte[length];
            for (int i = worker; i < ids.Count; i += workers)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var source = Open(category, ids[i]);
                received(i, buffer.AsMemory(0, source.Read(0, buffer)), source.Length);
            }
        }, cancellationToken)));
    }

    internal override ValueTask WriteSegmentAsync(string category, ImageId id, byte[] segment, CancellationToken cancellationToken)
    {
        var folder = Folder(category);
        folder.Write(folder.Image(id), segment);
        return ValueTask.CompletedTask;
    }

    internal override ValueTask<(IReadOnlyList<int> Held, IDisposable Hold)> HoldAsync(string category, IReadOnlyList<int> versions,
        CancellationToken cancellationToken)
    {
        var (held, hold) = (new List<int>(versions.Count), new Hold());
        try
        {
            foreach (int version in versions)
                if (hold.TryAdd(Folder(category).Manifest(version))) held.Add(version);
            return ValueTask.FromResult<(IReadOnlyList<int>, IDisposable)>((held, hold));
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    internal override ValueTask<(int Images, long Bytes)> DeleteAsync(string category, IReadOnlyCollection<int> versions,
        IReadOnlySet<ImageId> needed, CancellationToken cancellationToken)
    {
        var folder = Folder(category);
        var (images, bytes) = (0, 0L);
        try
        {
            foreach (int version in versions) File.Delete(folder.Manifest(version));
            // Manifests are deleted first, durably: one that reappeared after a crash would name deleted images.
            if (versions.Count > 0) DurableFile.SyncFolder(folder.Versions);
            FaultPoint.Pass($"deleted versions in {folder.Versions}");
            foreach (var (id, file) in folder.ImagesPresent())
            {
                if (needed.Contains(id)) continue;
                (images, bytes) = (images + 1, bytes + file.Length);
                file.Delete();
                FaultPoint.Pass($"deleted {file.FullName}");
            }
            return ValueTask.FromResult((images, bytes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DurableFile.Explain(e, folder.Path);
        }
    }

    internal override string Where(string category, int version) => $"'{Folder(category).Manifest(version)}'";

    internal override string Where(string category, ImageId id) => $"'{Folder(category).Image(id)}'";

    private CategoryFolder Folder(string category) => new(Path.Combine(Root, CategoryName.Check(category)));

    private FileSegment Open(string category, ImageId id)
    {
        string path = Folder(category).Image(id);
        try
        {
            return new FileSegment(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Missing(category, id);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
    }

    private async ValueTask<int?> TryReadCurrentAsync(string category)
    {
        try
        {
            return await ReadCurrentVersionAsync(category);
        }
        catch (SpadeException e) when (e.Error == SpadeError.DataLoss)
        {
            return null;
        }
    }

    /// <summary>Reads a file; null if it does not exist or compaction is about to delete it.</summary>
    private static byte[]? ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException || IsLocked(e))
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, e);
        }
    }

    private static bool IsLocked(Exception e)
    {
        const int WouldBlock = 11, WouldBlockMac = 35, WindowsSharing = unchecked((int)0x80070020);
        return e is IOException && e.HResult is WouldBlock or WouldBlockMac or WindowsSharing;
    }

    internal static SpadeException Unreadable(string path, Exception e) =>
        new(SpadeError.Unavailable, $"'{path}' could not be read: {e.Message}", e);

    /// <summary>Manifests that nobody else can open.</summary>
    private sealed class Hold : IDisposable
    {
        private readonly List<FileStream> _files = [];

        /// <returns>Whether it is held; not if somebody has it open.</returns>
        public bool TryAdd(string manifest)
        {
            try
            {
                _files.Add(new FileStream(manifest, FileMode.Open, FileAccess.ReadWrite, FileShare.None));
                return true;
            }
            catch (IOException e) when (IsLocked(e))
            {
                return false;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw DurableFile.Explain(e, manifest);
            }
        }

        public void Dispose() => _files.ForEach(f => f.Dispose());
    }
}
