namespace SpadeCluster.Client;

/// <summary>A gallery version on a server.</summary>
public sealed record RemoteGallery(
    string Category, int Version, DateTimeOffset CreatedAt, string CreatedBy, string Reason, string ModelName, string ModelDigest,
    string Preprocessing,
    int ImageCount, int Shards, RemoteCalibration? Calibration, IReadOnlyList<RemoteGalleryImage> Images);

/// <summary>Thresholds of a version.</summary>
/// <param name="Rate">The false-reject rate of the conformal threshold.</param>
public sealed record RemoteCalibration(double Tau, double Theta, double Rate, double Alpha);

/// <summary>One normal image; listed on request only.</summary>
public sealed record RemoteGalleryImage(string Id, string Sha256, string Source, DateTimeOffset AddedAt, string AddedBy);
