using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>Changes and reads galleries, in this process or behind a cluster's gateway. Every change is a new version.</summary>
public interface IGalleryService
{
    ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default);

    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default);

    /// <summary>
    /// Adds normal images, creating the category if need be. A file that cannot be used is reported and the rest goes on;
    /// the new version appears only when all are durable. Calibration is dropped: it held for the old images.
    /// </summary>
    /// <returns>The version that is current now: unchanged when nothing was added, null when there is none.</returns>
    /// <exception cref="SpadeException">FailedPrecondition: a writer at work, or the gallery's model is not at hand.
    /// ResourceExhausted: predicted not to fit on the disk, or the disk is full.</exception>
    ValueTask<GalleryManifest?> AddAsync(string category, IReadOnlyList<ImageSource> sources, IProgress<AddOutcome>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>Publishes a version without the given images; their features stay for older versions.</summary>
    /// <param name="images">Ids or source names.</param>
    /// <exception cref="SpadeException">NotFound: one of them is not in the current version; nothing is changed.</exception>
    ValueTask<GalleryManifest> RetireAsync(string category, IReadOnlyList<string> images, string reason, CancellationToken cancellationToken = default);

    /// <summary>Learns thresholds for the current images and publishes them as a version.</summary>
    ValueTask<GalleryManifest> CalibrateAsync(string category, ScoringOptions options, IProgress<int>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>Reads every byte of the current version.</summary>
    /// <returns>One sentence per damaged or missing image; empty when all is well.</returns>
    ValueTask<IReadOnlyList<string>> VerifyAsync(string category, IProgress<int>? progress = null, CancellationToken cancellationToken = default);
}
