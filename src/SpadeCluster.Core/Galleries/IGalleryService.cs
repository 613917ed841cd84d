using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>Changes and reads galleries, in this process or in a cluster. Every change is a new version.</summary>
public interface IGalleryService : IGalleryReader
{
    /// <summary>
    /// Adds normal images, and creates the category if there is none. A file that cannot be used is reported, and the others are added; the
    /// new version is published when all are durable. It has no calibration: that held for the old images.
    /// </summary>
    /// <param name="reason">The reason, for the history; may be null.</param>
    /// <param name="asNew">What a new category is built with; null: the defaults, without tiles.</param>
    /// <returns>The version that is current now: unchanged when nothing was added, null when there is none.</returns>
    /// <exception cref="SpadeException">InvalidArgument: an empty reason. FailedPrecondition: another writer, or the gallery's model is not
    /// available, or the category has other copies. ResourceExhausted: the images will not fit on the disk, or the disk is
    /// full.</exception>
    ValueTask<GalleryManifest?> AddAsync(string category, IReadOnlyList<ImageSource> sources, IProgress<AddOutcome>? progress = null,
        string? reason = null, NewCategory? asNew = null, CancellationToken cancellationToken = default);

    /// <summary>The same for images that arrive one by one; each is read when the one before it is durable.</summary>
    ValueTask<GalleryManifest?> AddAsync(string category, IAsyncEnumerable<ImageSource> sources, IProgress<AddOutcome>? progress = null,
        string? reason = null, NewCategory? asNew = null, CancellationToken cancellationToken = default);

    /// <summary>Publishes a version without the given images; their features are kept for older versions.</summary>
    /// <param name="images">Source names or ids; or file names or beginnings of ids (at least four digits) that fit one image only.</param>
    /// <exception cref="SpadeException">NotFound: one of them is not in the current version; nothing is changed.
    /// InvalidArgument: no image or no reason is given, or a name means several images.</exception>
    ValueTask<GalleryManifest> RetireAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default);

    /// <summary>Publishes a version with images that an older version has and the current one lacks: undoes <see
    /// cref="RetireAsync"/>.</summary>
    /// <param name="images">As for <see cref="RetireAsync"/>, among the retired ones.</param>
    /// <exception cref="SpadeException">NotFound: no kept version has one of them; nothing is changed.
    /// InvalidArgument: no image or no reason is given, or a name means several images.</exception>
    ValueTask<GalleryManifest> RestoreAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default);

    /// <summary>Begins a trial: publishes the current version again, marked as on trial. It and all changes after it decide nothing, until
    /// <see cref="RollBackAsync"/> makes another version.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: it is on trial already, or has no thresholds. InvalidArgument: no reason is
    /// given.</exception>
    ValueTask<GalleryManifest> BeginTrialAsync(string category, string reason, CancellationToken cancellationToken = default);

    /// <summary>Publishes an older version's images, weights and thresholds as the newest version: scores are the same bits again. It also
    /// replaces a damaged current version, and ends a trial.</summary>
    /// <exception cref="SpadeException">NotFound: no such version. InvalidArgument: no reason is given.</exception>
    ValueTask<GalleryManifest> RollBackAsync(string category, int version, string reason, CancellationToken cancellationToken = default);

    /// <summary>Learns thresholds for the current images and publishes them as a version.</summary>
    ValueTask<GalleryManifest> CalibrateAsync(string category, ScoringOptions options, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default);

    /// <summary>The same, if the thresholds lie within bounds.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: they do not; nothing is published.</exception>
    ValueTask<GalleryManifest> CalibrateWithinAsync(string category, ScoringOptions options, ThresholdBounds within,
        CancellationToken cancellationToken = default);

    /// <summary>Marks suspects as good, so that they count in the thresholds, and publishes the new thresholds as a version.</summary>
    /// <param name="images">As for <see cref="RetireAsync"/>, among the suspects that are not accepted.</param>
    /// <exception cref="SpadeException">NotFound: one of them is no such suspect; nothing is changed.
    /// InvalidArgument: no image or no reason is given, or a name means several images.</exception>
    ValueTask<GalleryManifest> AcceptAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default);

    /// <summary>Sets the part of the photographs that is inspected, and publishes a version without thresholds.</summary>
    /// <param name="mask">An image of the photographs' proportions, white inside; null: whole photographs.</param>
    /// <returns>The version that is current now: unchanged if it has this region already.</returns>
    /// <exception cref="SpadeException">InvalidArgument: no reason, no image, too large a file, or nothing inside.
    /// NotFound: no such category.</exception>
    ValueTask<GalleryManifest> SetRegionAsync(string category, ImageSource? mask, string reason,
        CancellationToken cancellationToken = default);

    /// <summary>Drops old versions, and the images that only they need.</summary>
    /// <exception cref="SpadeException">InvalidArgument: a count below 1 or a negative age. NotFound: no such category.</exception>
    ValueTask<CompactionReport> CompactAsync(string category, Retention retention, CancellationToken cancellationToken = default);

    /// <summary>Publishes the current version in another number of shards, for clusters. It has no effect on scores; unchanged if the
    /// gallery has that many already.</summary>
    ValueTask<GalleryManifest> ReshardAsync(string category, int count, CancellationToken cancellationToken = default);

    /// <summary>Deletes a category: it is not listed and scores no image any more, but can be restored for some days.</summary>
    /// <exception cref="SpadeException">NotFound: no such category. InvalidArgument: no reason is given.</exception>
    ValueTask<DeletedCategory> DeleteAsync(string category, string reason, CancellationToken cancellationToken = default);

    /// <summary>Restores a deleted category with its images, thresholds and history.</summary>
    /// <exception cref="SpadeException">NotFound: no such deleted category, or its data has been removed. FailedPrecondition: a
    /// category of this name exists: it was not deleted, or was created again. InvalidArgument: no reason is given.</exception>
    ValueTask<GalleryManifest> UndeleteAsync(string category, string reason, CancellationToken cancellationToken = default);

    /// <summary>Gives a category another name, with all kept versions. Requests for the old name then fail; the error names the
    /// new one.</summary>
    /// <returns>The current version under the new name; its scores are the same bits.</returns>
    /// <exception cref="SpadeException">NotFound: no such category. FailedPrecondition: the new name is in use, or belongs to a deleted
    /// category that can be restored. InvalidArgument: no reason, or not a name. ResourceExhausted: no room for the copy.</exception>
    ValueTask<GalleryManifest> RenameAsync(string category, string name, string reason, CancellationToken cancellationToken = default);
}
