using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// FRONTS holds copies of the fronts of the current version's segments. It is replaced whenever a version with other images
/// is published, by the writer only, and any version reads from it what it finds.
/// </summary>
public sealed partial class FileGalleryStore
{
    internal override string WhereCopies(string category) => $"'{Folder(category).Fronts}'";

    internal override async ValueTask<bool> ReadCopiesAsync(string category, IReadOnlyList<ImageId> ids, int length, Action<int, ReadOnlyMemory<byte>> received, CancellationToken cancellationToken)
        => await Task.Run(() =>
        {
            string path = Folder(category).Fronts;
            if (!File.Exists(path)) return true;
            using var fronts = TryOpenFronts(path, length);
            if (fronts is null) return false;
            var buffer = new byte[length];
            for (int i = 0; i < ids.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (fronts.TryRead(ids[i], buffer)) received(i, buffer);
            }
            return true;
        }, cancellationToken);

    internal override ValueTask WriteCopiesAsync(string category, GalleryManifest? before, GalleryManifest next, CancellationToken cancellationToken)
    {
        var folder = Folder(category);
        int length = FrontLength(next.Model);
        ImageId[] ids = [.. next.Images.Select(i => i.Id)];
        // Only the copies of images that the version before has: their segments were there all the time. Any other may be
        // left from an attempt that failed, and its segment may have been written anew since.
        var known = (before?.Images ?? []).Select(i => i.Id).ToHashSet();
        using var old = TryOpenFronts(folder.Fronts, length);
        var buffer = new byte[length];
        if (old is not null && old.Ids.SequenceEqual(ids) && ids.All(id => TryReadCopy(id, buffer))) return ValueTask.CompletedTask;
        folder.Write(folder.Fronts, stream => FrontsFile.Write(stream, ids, length, ids.Select(id =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryReadCopy(id, buffer)) return buffer;
            // As it is: where the segment is damaged, so is its copy, and both are found.
            using var segment = Open(category, id);
            segment.Read(0, buffer);
            return buffer;
        })));
        return ValueTask.CompletedTask;

        bool TryReadCopy(ImageId id, byte[] front) => known.Contains(id) && old is not null && old.TryRead(id, front) && IsWholeFront(front, id, next.Model);
    }

    private static FrontsFile? TryOpenFronts(string path, int length)
    {
        FileSegment? file = null;
        FrontsFile? fronts = null;
        try
        {
            file = new FileSegment(path);
            return fronts = FrontsFile.TryOpen(file, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SpadeException)
        {
            return null;
        }
        finally
        {
            if (fronts is null) file?.Dispose();
        }
    }
}
