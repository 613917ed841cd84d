using System.Text.Json.Serialization;

namespace SpadeCluster.Galleries;

/// <summary>One line of a gallery's history.</summary>
/// <param name="Problem">Why this version cannot be read, in one sentence; the other values are then empty.</param>
/// <param name="Deleted">Whether this version deleted the category.</param>
/// <param name="Trial">Whether this version is on trial: it never decides.</param>
public sealed record GalleryVersion(
    int Version, DateTimeOffset CreatedAt, string CreatedBy, string Reason, string ModelDigest, string Preprocessing, int Images,
    bool Calibrated, string? Problem = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Deleted = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Trial = false)
{
    /// <summary>Whether it decides while no newer version may.</summary>
    [JsonIgnore] public bool MayDecide => Calibrated && !Trial;

    public static GalleryVersion Of(GalleryManifest m)
        => new(m.Version, m.CreatedAt, m.CreatedBy, m.Reason, m.Model.Digest, m.Preprocessing, m.Images.Count, m.Calibration is not null,
            Deleted: m.Deletion is not null, Trial: m.Trial);

    public static GalleryVersion Unreadable(int version, string problem) => new(version, default, "", "", "", "", 0, false, problem);
}
