using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using Proto = Spade.V1;

namespace SpadeCluster.Client;

/// <summary>Converts gallery messages to Core's records.</summary>
internal static class GalleryMapping
{
    /// <summary>A version without its images, and without the parts that only scoring needs: the features' weights and the usual
    /// distances.</summary>
    public static GalleryManifest ToManifest(Gallery g) => new()
    {
        Category = g.Category,
        Version = g.Version,
        CreatedAt = g.CreatedAt.ToDateTimeOffset(),
        CreatedBy = g.CreatedBy,
        Reason = g.Reason,
        Model = new FeatureModel(g.Model.Name, g.Model.Digest, g.Model.InputWidth, g.Model.InputHeight,
            [.. g.Model.Levels.Select(l => new LevelShape(l.Height, l.Width, l.Channels))], g.Model.PooledLength, g.Model.WeightChannels),
        Preprocessing = g.Preprocessing,
        Images = [],
        Shards = g.Shards,
        Trial = g.Trial,
        Region = g.Region is { } r
            ? new SpadeCluster.Galleries.Region(r.Source, r.Digest, r.Mask.ToByteArray(), r.Cells.ToByteArray()) : null,
        Calibration = g.Calibration is { } c ? ToCalibration(c) : null,
    };

    public static SpadeCluster.Galleries.GalleryVersion ToVersion(Proto.GalleryVersion v) => new(
        v.Version, v.CreatedAt.ToDateTimeOffset(), v.CreatedBy, v.Reason, v.ModelDigest, v.Preprocessing, v.ImageCount, v.Calibrated,
        v.Problem.Length > 0 ? v.Problem : null, v.Deleted, v.Trial);

    public static DeletedCategory ToDeleted(DeletedGallery d) => new(
        d.Category, d.ImageCount, d.DeletedAt.ToDateTimeOffset(), d.DeletedBy, d.Reason, d.Until.ToDateTimeOffset());

    public static GalleryDiff ToDiff(DiffResponse d) => new(ToVersion(d.From), ToVersion(d.To), [.. d.Added.Select(ToImage)],
        [.. d.Removed.Select(ToImage)], d.Before is { } before ? ToCalibration(before) : null,
        d.After is { } after ? ToCalibration(after) : null);

    public static Scoring.Calibration ToCalibration(Proto.Calibration c) => new()
    {
        Options = ToOptions(c.Options),
        Tau = c.Tau,
        Theta = c.Theta,
        Review = c.HasReview ? c.Review : null,
        MapScale = c.MapScale,
        Rate = c.Rate,
        GateDistances = [.. c.GateDistances],
        Scores = [.. c.Scores],
        Suspects = [.. c.Suspects.Select(s => new Scoring.Suspect(ToId(s.ImageId), s.Score, s.Next, s.Accepted))],
        Highest = [.. c.Highest.Select(h => new Scoring.NormalScore(ToId(h.ImageId), h.Score))],
    };

    public static SpadeCluster.Galleries.GalleryImage ToImage(Proto.GalleryImage i)
        => new(ToId(i.Id), i.Sha256, i.Source, i.AddedAt.ToDateTimeOffset(), i.AddedBy);

    private static ImageId ToId(string text)
        => ImageId.TryParse(text, out var id) ? id : throw new SpadeException(SpadeError.DataLoss,
            $"the server sent '{text}' as an image's id; client and server are incompatible");

    private static Scoring.ScoringOptions ToOptions(Proto.ScoringOptions o) => new()
    {
        GateNeighbours = o.GateNeighbours,
        GalleryNeighbours = o.HasGalleryNeighbours ? o.GalleryNeighbours : null,
        Kappa = o.Kappa,
        Fusion = o.Fusion == Proto.Fusion.PerLevel ? Neighbors.Fusion.PerLevel : Neighbors.Fusion.Concatenated,
        Levels = o.Levels.Count > 0 ? [.. o.Levels] : null,
        GatePolicy = o.GatePolicy switch
        {
            Proto.GatePolicy.Gate => Scoring.GatePolicy.Gate,
            Proto.GatePolicy.GateOrSample => Scoring.GatePolicy.GateOrSample,
            _ => Scoring.GatePolicy.Always,
        },
        AuditShare = o.AuditShare,
        Alpha = o.Alpha,
        Sigma = o.Sigma,
        Threshold = o.Threshold switch
        {
            Proto.ThresholdRule.Robust => Scoring.ThresholdRule.Robust,
            Proto.ThresholdRule.Tail => Scoring.ThresholdRule.Tail,
            _ => Scoring.ThresholdRule.Conformal,
        },
        ReviewRate = o.ReviewRate > 0 ? o.ReviewRate : null,
        Normalised = o.Normalised,
        Theta = o.Theta > 0 ? o.Theta : null,
        TileReach = o.HasTileReach ? o.TileReach : null,
        Window = o.Window > 0 ? o.Window : null,
    };
}
