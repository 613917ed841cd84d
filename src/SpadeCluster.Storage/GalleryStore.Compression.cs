using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage;

public abstract partial class GalleryStore
{
    /// <summary>Stores the levels of every image of every kept version in fewer bytes, with the same bits, or plain again. Images that are
    /// added later are stored likewise. Builds that only read format 1 cannot read a compressed category. The caller holds the
    /// lock.</summary>
    /// <param name="progress">Images done, and their number.</param>
    /// <returns>The number of images, and their bytes before and after.</returns>
    /// <exception cref="SpadeException">DataLoss: a version or an image is damaged; images before it may have been changed, and nothing is
    /// lost.</exception>
    public async ValueTask<(int Images, long Before, long After)> SetCompressionAsync(string category, bool compressed,
        IProgress<(int Done, int Of)>? progress = null, CancellationToken cancellationToken = default)
    {
        var images = new SortedDictionary<ImageId, FeatureModel>();
        GalleryManifest? current = null;
        foreach (int version in await ListVersionsAsync(category, cancellationToken))
        {
            current = await CheckVersionAsync(category, version, cancellationToken);
            foreach (var image in GalleryTiles.Of(current).Ids) images.TryAdd(image, current.Model);
        }
        var (done, before, after) = (0, 0L, 0L);
        foreach (var (id, model) in images)
        {
            byte[] segment = await ReadSegmentAsync(category, id, model, cancellationToken);
            var header = SegmentHeader.Parse(segment, segment.Length, id, model, Where(category, id));
            byte[] other = header.IsCompressed == compressed ? segment : Segment.Convert(segment, header, id, model);
            if (other != segment) await WriteSegmentAsync(category, id, other, cancellationToken);
            (done, before, after) = (done + 1, before + segment.Length, after + other.Length);
            progress?.Report((done, images.Count));
        }
        if (current is not null) await WriteCopiesAsync(category, before: null, current, cancellationToken);
        return (done, before, after);
    }

    /// <summary>Whether new images are compressed: as those of the current version are.</summary>
    private async ValueTask<bool> IsCompressedAsync(string category, CancellationToken cancellationToken)
    {
        if (await ReadCurrentAsync(category, cancellationToken) is not { } current) return false;
        foreach (var id in GalleryTiles.Of(current).Ids)
        {
            try
            {
                using var source = await OpenAsync(category, id, cancellationToken);
                return (await Segment.ReadHeaderAsync(source, id, current.Model, Where(category, id), cancellationToken)).IsCompressed;
            }
            catch (SpadeException e) when (e.Error == SpadeError.DataLoss)
            {
                // A damaged image must not keep others from being added: the next image is asked.
            }
        }
        return false;
    }
}
