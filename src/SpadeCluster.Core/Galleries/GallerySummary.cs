using System.Text.Json.Serialization;
using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>A category in a list.</summary>
/// <param name="Trial">Whether this version is on trial: it never decides.</param>
public sealed record GallerySummary(string Category, int Version, int Images, int Shards, string Model, string Preprocessing,
    bool Calibrated, DateTimeOffset CreatedAt, string CreatedBy, string Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Trial = false)
{
    public static GallerySummary Of(GalleryManifest m)
        => new(m.Category, m.Version, m.Images.Count, m.Shards, m.Model.Name, m.Preprocessing, m.Calibration is not null, m.CreatedAt,
            m.CreatedBy, m.Reason, m.Trial);
}

/// <summary>A normal and its score against the others.</summary>
public sealed record NormalScoreRow(string ImageId, string Source, double RawScore)
{
    /// <returns>Null without a calibration, or if it was stored without these scores.</returns>
    public static IReadOnlyList<NormalScoreRow>? Of(GalleryManifest? m)
    {
        if (m?.Calibration is not { Highest.Count: > 0 } c) return null;
        var sources = m.Images.ToDictionary(i => i.Id, i => i.Source);
        return [.. c.Highest.Select(h => new NormalScoreRow(h.Image.ToString(), sources.GetValueOrDefault(h.Image, ""), h.Score))];
    }
}

/// <summary>A normal far outside the others, with its score against them and the next lower one.</summary>
public sealed record SuspectRow(string ImageId, string Source, double RawScore, double NextScore, bool Accepted)
{
    public static IReadOnlyList<SuspectRow> Of(GalleryManifest? m)
    {
        var sources = m?.Images.ToDictionary(i => i.Id, i => i.Source);
        return [.. (m?.Calibration?.Suspects ?? [])
            .Select(s => new SuspectRow(s.Image.ToString(), sources!.GetValueOrDefault(s.Image, ""), s.Score, s.Next, s.Accepted))];
    }
}

/// <summary>The part of the photographs that is inspected.</summary>
/// <param name="Share">Of the cells.</param>
public sealed record RegionRow(string Source, string Digest, double Share);

public sealed record GalleryImageRow(string ImageId, string Source, string Sha256, DateTimeOffset AddedAt, string AddedBy)
{
    public static GalleryImageRow Of(GalleryImage i) => new(i.Id.ToString(), i.Source, i.Sha256, i.AddedAt, i.AddedBy);
}

/// <summary>Some images of a version, ascending by id.</summary>
public sealed record GalleryImagePage(string Category, int Version, IReadOnlyList<GalleryImageRow> Images)
{
    public const int UsualCount = 100, MaxCount = 1000;
}

/// <summary>A category with its thresholds and images.</summary>
/// <param name="PromisedFalseRejectRate">The false-reject rate that <paramref name="PromisedTheta"/>, the conformal threshold,
/// promises.</param>
/// <param name="EstimatedFalseRejectRate">Of theta, with a 95 % interval.</param>
/// <param name="HighestNormals">The normals that score highest against the others, highest first.</param>
public sealed record GalleryDetails(GallerySummary Gallery, string ModelDigest, double? Tau, double? Theta, double? PromisedFalseRejectRate,
    ScoringOptions? Options, IReadOnlyList<GalleryImageRow> Images,
    double? PromisedTheta, double? Review, RateInterval? EstimatedFalseRejectRate, IReadOnlyList<SuspectRow> Suspects,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NormalScoreRow>? HighestNormals = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] RegionRow? Region = null)
{
    public static GalleryDetails Of(GalleryManifest m) => new(
        GallerySummary.Of(m), m.Model.Digest, m.Calibration?.Tau, m.Calibration?.Theta, m.Calibration?.Rate, m.Calibration?.Options,
        [.. m.Images.Select(GalleryImageRow.Of)],
        m.Calibration?.PromisedTheta, m.Calibration?.Review, m.Calibration?.EstimatedRate, SuspectRow.Of(m),
            NormalScoreRow.Of(m), m.Region is { } r ? new RegionRow(r.Source, r.Digest, r.Share) : null);
}
