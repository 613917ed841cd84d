using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Galleries;

/// <summary>A category in a list. One that cannot be read has only its name and a problem.</summary>
internal sealed record ListedGallery(string Category, int? Version = null, int? Images = null, int? Shards = null, string? Model = null,
    string? Preprocessing = null, bool? Calibrated = null, DateTimeOffset? CreatedAt = null, string? CreatedBy = null,
    string? Reason = null, string? Problem = null, bool? Trial = null)
{
    public static ListedGallery Of(GallerySummary g) => new(g.Category, g.Version, g.Images, g.Shards, g.Model, g.Preprocessing,
        g.Calibrated, g.CreatedAt, g.CreatedBy, g.Reason, Trial: g.Trial);
}

internal sealed record GalleryAnswer(GalleryDetails Details, RecalibrationState? Calibrating);
internal sealed record ImagesRequest(IReadOnlyList<string> Images, string Reason);
internal sealed record RollBackRequest(int Version, string Reason);
internal sealed record ReasonRequest(string Reason);
internal sealed record RenameRequest(string Name, string Reason);
internal sealed record ReshardRequest(int Shards);

/// <param name="KeepVersions">Newest versions to keep; 0: the default.</param>
/// <param name="KeepDays">Also keep versions that were current within this many days; null: not by age.</param>
internal sealed record CompactionRequest(int KeepVersions = 0, double? KeepDays = null)
{
    private const double MaxDays = 1_000_000;

    /// <exception cref="SpadeException">InvalidArgument: not a number of versions or days.</exception>
    public static Retention Retention(int versions, double? days)
    {
        if (versions < 0)
            throw new SpadeException(SpadeError.InvalidArgument, $"keep_versions is 1 or more, or 0 for {new Retention().Versions}");
        if (days is { } d && !(d >= 0 && d <= MaxDays))
            throw new SpadeException(SpadeError.InvalidArgument, $"keep_days is 0 to {MaxDays:0}");
        return new Retention(versions > 0 ? versions : new Retention().Versions, days is { } some ? TimeSpan.FromDays(some) : null);
    }

    /// <summary>For the audit log.</summary>
    public static string Detail(CompactionReport report)
        => $"{report.Dropped.Count} versions dropped, {report.Images} images deleted";
}

internal sealed record CalibrateRequest(double? Alpha = null, GivenOptions? Options = null);
internal sealed record AddLine(string File, string? ImageId, AddStatus Status, string? Problem);
internal sealed record CalibrateLine(int Calibrated, int Of);
internal sealed record AddedLine(string Category, int? Version, int Added, int Images, bool Calibrated, double? Theta);
internal sealed record ErrorLine(string Error);

/// <summary>Settings of the method; those not given stay unchanged.</summary>
/// <param name="Theta">Sets theta by hand; 0: estimated again.</param>
/// <param name="ReviewRate">0: no review.</param>
internal sealed record GivenOptions(
    int? GateNeighbours = null, int? GalleryNeighbours = null, int? Kappa = null, Fusion? Fusion = null, IReadOnlyList<int>? Levels = null,
    GatePolicy? GatePolicy = null, double? AuditShare = null, double? Alpha = null, double? Sigma = null,
    ThresholdRule? Threshold = null, double? Theta = null, double? ReviewRate = null, bool? Normalised = null,
    int? Window = null, int? TileReach = null)
{
    public ScoringOptions Over(ScoringOptions known) => known with
    {
        GateNeighbours = GateNeighbours ?? known.GateNeighbours,
        GalleryNeighbours = GalleryNeighbours ?? known.GalleryNeighbours,
        Kappa = Kappa ?? known.Kappa,
        Fusion = Fusion ?? known.Fusion,
        Levels = Levels ?? known.Levels,
        GatePolicy = GatePolicy ?? known.GatePolicy,
        AuditShare = AuditShare ?? known.AuditShare,
        Alpha = Alpha ?? known.Alpha,
        Sigma = Sigma ?? known.Sigma,
        Threshold = Threshold ?? known.Threshold,
        Theta = Theta is 0 ? null : Theta ?? known.Theta,
        ReviewRate = ReviewRate is 0 ? null : ReviewRate ?? known.ReviewRate,
        Normalised = Normalised ?? known.Normalised,
        TileReach = TileReach ?? known.TileReach,
        Window = Window is { } window ? window > 0 ? window : null : known.Window,
    };
}
