using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage;

/// <summary>
/// The common part of the durable stores: manifests and segments have the same bytes and checksums in every medium, and every byte is
/// checked before it is used. A subclass keeps bytes durably and provides locks.
/// </summary>
public abstract partial class GalleryStore : IGalleryStore
{
    private readonly ConcurrentDictionary<string, bool> _warned = new();

    // For each category, whether its current version deletes it: versions never change, so each is read once.
    private readonly ConcurrentDictionary<string, (int Version, GalleryManifest? Deleted)> _deletions = new(StringComparer.Ordinal);

    private readonly ManifestMemory _manifests = new();

    /// <summary>The folder or database in messages, without a password.</summary>
    public abstract string Location { get; }

    public abstract long? FreeBytes { get; }

    public async ValueTask<IReadOnlyList<string>> ListCategoriesAsync(CancellationToken cancellationToken = default)
    {
        var names = new List<string>();
        foreach (var (category, version) in await ListCurrentVersionsAsync(cancellationToken))
            if (await ReadDeletionAsync(category, version, cancellationToken) is null) names.Add(category);
        return names;
    }

    public async ValueTask<IReadOnlyList<GalleryManifest>> ListDeletedAsync(CancellationToken cancellationToken = default)
    {
        var deleted = new List<GalleryManifest>();
        foreach (var (category, version) in await ListCurrentVersionsAsync(cancellationToken))
            if (await ReadDeletionAsync(category, version, cancellationToken) is { } manifest) deleted.Add(manifest);
        return deleted;
    }

    public abstract ValueTask<int?> ReadCurrentVersionAsync(string category, CancellationToken cancellationToken = default);

    public abstract ValueTask<IReadOnlyList<int>> ListVersionsAsync(string category, CancellationToken cancellationToken = default);

    public abstract ValueTask<IDisposable> PinAsync(string category, int version, CancellationToken cancellationToken = default);

    public abstract ValueTask<IDisposable> LockAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>Receives warnings for an operator, each once, of calls that succeeded.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Predicted bytes per normal image: its segment and the copy of its prefix.</summary>
    public long BytesPerImage(FeatureModel model) => Segment.MaxLength(model) + PrefixLength(model);

    public async ValueTask<GalleryManifest?> ReadCurrentAsync(string category, CancellationToken cancellationToken = default)
    {
        while (await ReadCurrentVersionAsync(category, cancellationToken) is { } version)
        {
            if (await FindManifestAsync(category, version, cancellationToken) is { } manifest) return manifest;
            // Missing, unless it was replaced and compacted away between the two reads.
            if (await ReadCurrentVersionAsync(category, cancellationToken) == version)
                throw new SpadeException(SpadeError.DataLoss,
                    $"{Where(category, version)}, the current version, is missing: restore it from a backup, or roll back to another "
                    + $"version");
        }
        return null;
    }

    /// <summary>The digest of the current version's model, for a caller that begins to open the model while it reads the version.</summary>
    /// <returns>Null: there is none, or it cannot be read.</returns>
    public async ValueTask<string?> ReadModelDigestAsync(string category, CancellationToken cancellationToken = default)
        => await ReadCurrentVersionAsync(category, cancellationToken) is { } version
            && await ReadManifestAsync(category, version, cancellationToken) is { } file ? ManifestFile.ModelDigest(file) : null;

    public async ValueTask<GalleryManifest> ReadVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => await FindManifestAsync(category, version, cancellationToken) ?? throw NoVersion(category, version);

    public async ValueTask<GalleryManifest> CheckVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => await ParseManifestAsync(category, version, cancellationToken) ?? throw NoVersion(category, version);

    public async ValueTask WriteImageAsync(string category, ImageId id, string modelDigest, StoredFeatures features, FeaturePyramid pyramid,
        byte[]? thumbnail = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(thumbnail?.Length ?? 0, GalleryService.MaxThumbnailBytes, nameof(thumbnail));
        // An undamaged segment is kept unchanged: older versions may name it, and their scores must stay the same bits.
        if (await IsWholeAsync(category, id, modelDigest, features, pyramid, cancellationToken)) return;
        await WriteSegmentAsync(category, id, Segment.Write(id, modelDigest, features, pyramid, thumbnail,
            await IsCompressedAsync(category, cancellationToken)), cancellationToken);
    }

    public async ValueTask CopyImagesAsync(string from, string to, IEnumerable<(ImageId Id, FeatureModel Model)> images,
        CancellationToken cancellationToken = default)
    {
        foreach (var (id, model) in images)
            await WriteSegmentAsync(to, id, await ReadSegmentAsync(from, id, model, cancellationToken), cancellationToken);
    }

    public ValueTask PublishAsync(GalleryManifest next, CancellationToken cancellationToken = default)
        => PublishAsync(next.Category, next.Version == 1 ? null : next.Version - 1, [next], cancellationToken);

    public async ValueTask<float[][]> ReadPooledAsync(string category, IReadOnlyList<ImageId> ids, FeatureModel model,
        CancellationToken cancellationToken = default)
    {
        var pooled = new float[ids.Count][];
        bool damaged = false;
        bool whole = await ReadCopiesAsync(category, ids, PrefixLength(model), (i, prefix) =>
        {
            if (IsWholePrefix(prefix.Span, ids[i], model)) pooled[i] = Pooled(prefix.Span, model);
            else damaged = true;
        }, cancellationToken);
        if (damaged || !whole)
            Warn($"{WhereCopies(category)} is damaged: the images themselves were read instead, which is slower but has the same "
                + $"result; 'spade gallery compact {category}' writes it again");
        int[] rest = [.. Enumerable.Range(0, ids.Count).Where(i => pooled[i] is null)];
        if (rest.Length == 0) return pooled;
        await ReadPrefixesAsync(category, [.. rest.Select(i => ids[i])], PrefixLength(model), (r, prefix, total) =>
        {
            CheckPrefix(prefix.Span, total, ids[rest[r]], model, Where(category, ids[rest[r]]));
            pooled[rest[r]] = Pooled(prefix.Span, model);
        }, cancellationToken);
        return pooled;

        static float[] Pooled(ReadOnlySpan<byte> prefix, FeatureModel model) =>
            MemoryMarshal.Cast<byte, float>(prefix[SegmentHeader.LengthFor(model)..]).ToArray();
    }

    public async ValueTask CheckCopiesAsync(string category, CancellationToken cancellationToken = default)
    {
        if (await ReadCurrentAsync(category, cancellationToken) is not { } manifest) return;
        foreach (var ids in GalleryTiles.Of(manifest).Ids.Chunk(256))
        {
            var copies = new Dictionary<int, byte[]>();
            if (!await ReadCopiesAsync(category, ids, PrefixLength(manifest.Model),
                (i, prefix) => copies.Add(i, prefix.ToArray()), cancellationToken))
                throw Damaged("its own header");
            int[] copied = [.. copies.Keys];
            await ReadPrefixesAsync(category, [.. copied.Select(i => ids[i])], PrefixLength(manifest.Model), (c, prefix, _) =>
            {
                var (id, copy) = (ids[copied[c]], copies[copied[c]]);
                // If the pooled features differ, the copy is damaged, unless it is valid and the segment is damaged, which VerifyAsync
                // reports. Headers differ if the segment was compressed since then.
                int header = SegmentHeader.LengthFor(manifest.Model);
                if (!prefix.Span.SequenceEqual(copy) && (!IsWholePrefix(copy, id, manifest.Model)
                    || (IsWholePrefix(prefix.Span, id, manifest.Model) && !prefix.Span[header..].SequenceEqual(copy.AsSpan(header)))))
                    throw Damaged($"image {id}");
            }, cancellationToken);
        }

        SpadeException Damaged(string what) =>
            new(SpadeError.DataLoss,
                $"{WhereCopies(category)} is damaged ({what}): no image is lost, but opening is slower; 'spade gallery compact "
                + $"{category}' writes it again");
    }

    public async ValueTask<StoredFeatures> ReadFeaturesAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default)
    {
        using var source = await OpenAsync(category, id, cancellationToken);
        var header = await Segment.ReadHeaderAsync(source, id, model, Where(category, id), cancellationToken);
        var pooled = await Segment.ReadPartAsync(source, header, SegmentHeader.Pooled, cancellationToken);
        var moments = await Segment.ReadPartAsync(source, header, SegmentHeader.Moments, cancellationToken);
        return new StoredFeatures(MemoryMarshal.Cast<byte, float>(pooled).ToArray(), Segment.Moments(moments, model));
    }

    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default)
        => ReadPyramidAsync(category, id, model, false, null, cancellationToken);

    public ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, FeaturePyramid? discarded,
        CancellationToken cancellationToken)
        => ReadPyramidAsync(category, id, model, true, discarded, cancellationToken);

    private async ValueTask<FeaturePyramid> ReadPyramidAsync(string category, ImageId id, FeatureModel model, bool paged,
        FeaturePyramid? discarded, CancellationToken cancellationToken)
    {
        using var source = await OpenAsync(category, id, cancellationToken);
        var header = await Segment.ReadHeaderAsync(source, id, model, Where(category, id), cancellationToken);
        return await Segment.ReadPyramidAsync(source, header, model, paged, discarded, cancellationToken);
    }

    public async ValueTask<byte[]?> ReadThumbnailAsync(string category, ImageId id, FeatureModel model,
        CancellationToken cancellationToken = default)
    {
        using var source = await OpenAsync(category, id, cancellationToken);
        var header = await Segment.ReadHeaderAsync(source, id, model, Where(category, id), cancellationToken);
        var bytes = await Segment.ReadPartAsync(source, header, SegmentHeader.Thumbnail, cancellationToken);
        return bytes.Length == 0 ? null : bytes;
    }

    public async ValueTask<CompactionReport> CompactAsync(string category, IReadOnlyList<int> drop,
        CancellationToken cancellationToken = default)
    {
        var versions = await ListVersionsAsync(category, cancellationToken);
        int[] droppable = [.. versions.SkipLast(1).Intersect(drop)];
        var (held, hold) = await HoldAsync(category, droppable, cancellationToken);
        using (hold)
        {
            // All manifests are read before anything is deleted: a damaged one stops compaction, because its images are unknown.
            var needed = new HashSet<ImageId>();
            GalleryManifest? current = null;
            foreach (int version in versions.Except(held))
            {
                current = await CheckVersionAsync(category, version, cancellationToken);
                needed.UnionWith(GalleryTiles.Of(current).Ids);
            }
            if (current is not null) await WriteCopiesAsync(category, current, current, cancellationToken);
            var (images, bytes) = await DeleteAsync(category, held, needed, cancellationToken);
            return new CompactionReport([.. held], [.. droppable.Except(held)], images, bytes);
        }
    }

    /// <summary>Reads a whole segment and checks every byte.</summary>
    internal async ValueTask<byte[]> ReadSegmentAsync(string category, ImageId id, FeatureModel model, CancellationToken cancellationToken)
    {
        using var source = await OpenAsync(category, id, cancellationToken);
        var segment = new byte[source.Length];
        int read = await source.ReadAsync(0, segment, cancellationToken);
        Segment.Verify(segment.AsSpan(0, read), id, model, Where(category, id));
        return segment;
    }

    public abstract ValueTask PublishAsync(string category, int? after, IReadOnlyList<GalleryManifest> next,
        CancellationToken cancellationToken = default);

    /// <summary>Every name with its current version, ascending; no version: it cannot be read.</summary>
    private protected abstract ValueTask<IReadOnlyList<(string Category, int? Version)>> ListCurrentVersionsAsync(
        CancellationToken cancellationToken);

    /// <summary>Which bytes <see cref="ReadManifestAsync"/> would read, without reading them; null if there is no such version.</summary>
    internal abstract ValueTask<ManifestStamp?> ReadManifestStampAsync(string category, int version, CancellationToken cancellationToken);

    /// <summary>Reads a manifest's bytes; null if there is no such version.</summary>
    internal abstract ValueTask<byte[]?> ReadManifestAsync(string category, int version, CancellationToken cancellationToken);

    /// <exception cref="SpadeException">DataLoss: missing.</exception>
    internal abstract ValueTask<ISegmentSource> OpenAsync(string category, ImageId id, CancellationToken cancellationToken);

    /// <summary>
    /// Reads the first <paramref name="length"/> bytes of many segments, or fewer if a segment is shorter. Calls
    /// <paramref name="received"/> with the position in <paramref name="ids"/>, the bytes, and the length of the segment, in
    /// any order and from several threads at once.
    /// </summary>
    internal abstract ValueTask ReadPrefixesAsync(string category, IReadOnlyList<ImageId> ids, int length,
        Action<int, ReadOnlyMemory<byte>, long> received, CancellationToken cancellationToken);

    /// <summary>
    /// Reads the copies of segment prefixes that exist. They only make reading faster, are written by
    /// <see cref="WriteCopiesAsync"/>, and may be damaged or missing at any time.
    /// </summary>
    /// <returns>False if the copies cannot be read at all.</returns>
    internal abstract ValueTask<bool> ReadCopiesAsync(string category, IReadOnlyList<ImageId> ids, int length,
        Action<int, ReadOnlyMemory<byte>> received, CancellationToken cancellationToken);

    /// <summary>Writes copies of the prefixes of <paramref name="next"/>'s segments, unless valid ones exist.</summary>
    /// <param name="before">The previous version, if it can be read: the segments of its images have not changed.</param>
    internal abstract ValueTask WriteCopiesAsync(string category, GalleryManifest? before, GalleryManifest next,
        CancellationToken cancellationToken);

    /// <summary>Writes, or replaces, a segment; on return it is durable.</summary>
    internal abstract ValueTask WriteSegmentAsync(string category, ImageId id, byte[] segment, CancellationToken cancellationToken);

    /// <summary>Keeps readers from pinning versions until disposed, except versions that a reader has pinned.</summary>
    /// <returns>The versions that are held, in the order of <paramref name="versions"/>.</returns>
    internal abstract ValueTask<(IReadOnlyList<int> Held, IDisposable Hold)> HoldAsync(string category, IReadOnlyList<int> versions,
        CancellationToken cancellationToken);

    /// <summary>Deletes versions, then every image that is not needed; returns the number of images and bytes deleted.</summary>
    internal abstract ValueTask<(int Images, long Bytes)> DeleteAsync(string category, IReadOnlyCollection<int> versions,
        IReadOnlySet<ImageId> needed, CancellationToken cancellationToken);

    /// <summary>Names a manifest in messages.</summary>
    internal abstract string Where(string category, int version);

    /// <summary>Names a segment in messages.</summary>
    internal abstract string Where(string category, ImageId id);

    /// <summary>Names the copies of prefixes in messages.</summary>
    internal abstract string WhereCopies(string category);

    /// <summary>Bytes of a segment's prefix: its header and its pooled feature.</summary>
    private protected static int PrefixLength(FeatureModel model) => SegmentHeader.LengthFor(model) + 4 * model.PooledLength;

    private protected static bool IsWholePrefix(ReadOnlySpan<byte> prefix, ImageId id, FeatureModel model)
    {
        try
        {
            CheckPrefix(prefix, null, id, model, "");
            return true;
        }
        catch (SpadeException)
        {
            return false;
        }
    }

    private static void CheckPrefix(ReadOnlySpan<byte> prefix, long? total, ImageId id, FeatureModel model, string where)
        => SegmentHeader.Parse(prefix, total, id, model, where).Check(SegmentHeader.Pooled, prefix[SegmentHeader.LengthFor(model)..]);

    private async ValueTask<GalleryManifest?> FindManifestAsync(string category, int version, CancellationToken cancellationToken)
        // One caller's cancellation must not end the reading of another.
        => await ReadManifestStampAsync(category, version, cancellationToken) is { } stamp
            ? await _manifests.GetAsync(category, version, stamp, () => ParseManifestAsync(category, version, default).AsTask())
                .WaitAsync(cancellationToken) : null;

    private async ValueTask<GalleryManifest?> ParseManifestAsync(string category, int version, CancellationToken cancellationToken)
        => await ReadManifestAsync(category, version, cancellationToken) is { } file
            ? ManifestFile.Parse(file, category, version, Where(category, version)) : null;

    private protected async ValueTask<GalleryManifest?> TryReadVersionAsync(string category, int? version,
        CancellationToken cancellationToken)
    {
        try
        {
            return version is { } v ? await ReadVersionAsync(category, v, cancellationToken) : null;
        }
        catch (SpadeException e) when (e.Error is SpadeError.DataLoss or SpadeError.FailedPrecondition or SpadeError.NotFound)
        {
            return null;
        }
    }

    private async ValueTask<GalleryManifest?> ReadDeletionAsync(string category, int? version, CancellationToken cancellationToken)
    {
        if (version is null) return null;
        if (_deletions.TryGetValue(category, out var known) && known.Version == version) return known.Deleted;
        // A category whose current version is damaged stays in the list. Opening it gives the error that names the damage.
        var deleted = await TryReadVersionAsync(category, version, cancellationToken) is { Deletion: not null } m ? m : null;
        _deletions[category] = (version.Value, deleted);
        return deleted;
    }

    private protected static SpadeException NoVersion(string category, int version)
        => new(SpadeError.NotFound, $"category '{category}' has no version {version}; 'spade gallery history {category}' lists them");

    private protected SpadeException Missing(string category, ImageId id)
        => new(SpadeError.DataLoss, $"{Where(category, id)} is missing: restore it from a backup, or retire the image");

    private protected static SpadeException Overtaken(string category, int version, int? current)
        => new(SpadeError.FailedPrecondition,
            $"version {version} of category '{category}' cannot follow version {current ?? 0}: another writer has changed it; try again");

    private void Warn(string warning)
    {
        if (_warned.TryAdd(warning, true)) Warning?.Invoke(warning);
    }

    private async ValueTask<bool> IsWholeAsync(string category, ImageId id, string modelDigest, StoredFeatures features,
        FeaturePyramid pyramid, CancellationToken cancellationToken)
    {
        var model = new FeatureModel("", modelDigest, 0, 0, pyramid.Shapes, features.Pooled.Length, false);
        try
        {
            using var source = await OpenAsync(category, id, cancellationToken);
            var header = await Segment.ReadHeaderAsync(source, id, model, Where(category, id), cancellationToken);
            for (int part = 0; part < header.Parts; part++) await Segment.ReadPartAsync(source, header, part, cancellationToken);
            return true;
        }
        catch (SpadeException e) when (e.Error is SpadeError.DataLoss or SpadeError.FailedPrecondition)
        {
            return false;
        }
    }
}
