using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Decisions;

/// <summary>The thresholds that an engineer last confirmed.</summary>
/// <param name="Since">The gallery version with them; later versions differ by operators' feedback only.</param>
public sealed record ThresholdAnchor(int Since, ThresholdBounds Bounds);

/// <summary>
/// The reference thresholds of each version. A version made by operators' feedback keeps the reference of the previous version, so that
/// many small changes cannot add up; every other version is its own reference.
/// </summary>
public sealed class ThresholdAnchors(ServerDatabase database)
{
    /// <param name="version">A version with thresholds.</param>
    public ThresholdAnchor Of(GalleryManifest version) => database.Read(c => c.Query(
        "SELECT since, theta, review, tau FROM anchors WHERE category = $category AND version = $version",
        r => new ThresholdAnchor((int)r.GetInt64(0), new ThresholdBounds(r.GetDouble(1), r.IsDBNull(2) ? null : r.GetDouble(2),
            r.IsDBNull(3) ? null : r.GetDouble(3), GoodPartRule.ThresholdShare)),
        ("$category", version.Category), ("$version", version.Version))).SingleOrDefault()
        ?? new ThresholdAnchor(version.Version, ThresholdBounds.Around(version.Calibration!, GoodPartRule.ThresholdShare));

    /// <summary>Records that a version was made by operators' feedback.</summary>
    public Task KeepAsync(ThresholdAnchor anchor, GalleryManifest version) => database.WriteAsync(c => c.Execute(
        "INSERT INTO anchors (category, version, since, theta, review, tau) VALUES ($category, $version, $since, $theta, $review, $tau) "
        + "ON CONFLICT (category, version) DO UPDATE SET since = $since, theta = $theta, review = $review, tau = $tau",
        ("$category", version.Category), ("$version", version.Version), ("$since", anchor.Since),
        ("$theta", anchor.Bounds.Theta), ("$review", anchor.Bounds.Review), ("$tau", anchor.Bounds.Tau)));
}
