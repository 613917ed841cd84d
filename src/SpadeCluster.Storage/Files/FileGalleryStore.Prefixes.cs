using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// The file FRONTS holds copies of the prefixes of the current version's segments (<see cref="PrefixFile"/>). Only the writer
/// replaces it, when it publishes a version with other images; readers of any version use its copies.
/// </summary>
public sealed partial class FileGalleryStore
{
    internal override string WhereCopies(string category) => $"'{Folder(category).Prefixes}'";

    internal override async ValueTask<bool> ReadCopiesAsync(string category, IReadOnlyList<ImageId> ids, int length,
        Action<int, ReadOnlyMemory<byte>> received, CancellationToken cancellationToken)
        => await Task.Run(() =>
        {
            string path = Folder(category).Prefixes;
            if (!File.Exists(path)) return true;
            using var copies = TryOpenPrefixes(path, length);
            if (copies is null) return false;
            var buffer = new byte[length];
            for (int i = 0; i < ids.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (copies.TryRead(ids[i], buffer)) received(i, buffer);
            }
            return true;
        }, cancellationToken);

    internal override ValueTask WriteCopiesAsync(string category, GalleryManifest? before, GalleryManifest next,
        CancellationToken cancellationToken)
    {
        var folder = Folder(category);
        int length = PrefixLength(next.Model);
        ImageId[] ids = [.. GalleryTiles.Of(next).Ids];
        // Only copies of images of the previous version are reused: their segments cannot have changed. Any other copy may come from a
        // failed attempt, and its segment may have been rewritten since then.
        var known = before is null ? [] : GalleryTiles.Of(before).Ids.ToHashSet();
        using var old = TryOpenPrefixes(folder.Prefixes, length);
        var buffer = new byte[length];
        if (old is not null && old.Ids.SequenceEqual(ids) && ids.All(id => TryReadCopy(id, buffer))) return ValueTask.CompletedTask;
        folder.Write(folder.Prefixes, stream => PrefixFile.Write(stream, ids, length, ids.Select(id =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryReadCopy(id, buffer)) return buffer;
            // Copied unchecked: if the segment is damaged, its copy is too, and verify finds both.
            using var segment = Open(category, id);
            segment.Read(0, buffer);
            return buffer;
        })));
        return ValueTask.CompletedTask;

        bool TryReadCopy(ImageId id, byte[] prefix) =>
            known.Contains(id) && old is not null && old.TryRead(id, prefix) && IsWholePrefix(prefix, id, next.Model);
    }

    private static PrefixFile? TryOpenPrefixes(string path, int length)
    {
        FileSegment? file = null;
        PrefixFile? copies = null;
        try
        {
            file = new FileSegment(path);
            return copies = PrefixFile.TryOpen(file, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SpadeException)
        {
            return null;
        }
        finally
        {
            if (copies is null) file?.Dispose();
        }
    }
}
