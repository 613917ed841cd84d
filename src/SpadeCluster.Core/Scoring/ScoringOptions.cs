using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>Which images go through the pixel search.</summary>
public enum GatePolicy
{
    /// <summary>Every image (default).</summary>
    Always,
    /// <summary>Only images whose gate distance exceeds tau (the paper).</summary>
    Gate,
    /// <summary>As <see cref="Gate"/>, plus a fixed share of the others, chosen by their content, to audit the gate.</summary>
    GateOrSample,
}

/// <summary>
/// The method's settings. Thresholds hold only for the settings of their calibration, so both are stored together. A new instance has
/// those of the recipe "plain", which also stand in for settings that an old manifest lacks; <see cref="Default"/> has the recommended
/// ones. The paper's are the recipe "paper".
/// </summary>
public sealed record ScoringOptions
{
    /// <summary>The recommended settings, chosen by measurement (README.md in this folder, docs/thresholds.md).</summary>
    public static ScoringOptions Default { get; } =
        new() { Normalised = true, Alpha = 0.1, Threshold = ThresholdRule.Robust, ReviewRate = 0.2 };

    /// <summary>A normalised image's score is the mean of this share of highest pixels.</summary>
    public const double NormalisedShare = 0.02;

    public const int DefaultGateNeighbours = 3, DefaultGalleryNeighbours = 50;

    /// <summary>A <see cref="TileReach"/> that compares all tiles with each other.</summary>
    public const int Anywhere = TileGrid.MaxTiles;

    /// <summary>Nearest normals averaged by the gate (eq. 2's K).</summary>
    public int GateNeighbours { get; init; } = DefaultGateNeighbours;

    /// <summary>Nearest normals whose pixels form the pixel search's gallery; null: 50, or all where there are fewer.</summary>
    public int? GalleryNeighbours { get; init; }

    /// <summary>Nearest gallery pixels averaged per pixel (eq. 3's kappa).</summary>
    public int Kappa { get; init; } = 1;

    public Fusion Fusion { get; init; } = Fusion.Concatenated;

    /// <summary>A tile is compared with tiles of normals at most this many columns and rows away: 0 is the same position on the part; null:
    /// chosen when thresholds are learned (<see cref="TileAlignment"/>).</summary>
    public int? TileReach { get; init; }

    /// <summary>Pyramid levels used, 0 the finest; null: all.</summary>
    public IReadOnlyList<int>? Levels { get; init; }

    /// <summary>A pixel is compared only with gallery pixels at most this many cells of the finest level away, in each direction: for parts
    /// that are always in the same position. Null: with all.</summary>
    public int? Window { get; init; }

    public GatePolicy GatePolicy { get; init; } = GatePolicy.Always;

    /// <summary>Share of unflagged images that <see cref="GatePolicy.GateOrSample"/> localises as well.</summary>
    public double AuditShare { get; init; } = 0.05;

    /// <summary>Target false-reject rate of the thresholds.</summary>
    public double Alpha { get; init; } = 0.01;

    /// <summary>How tau and theta are estimated.</summary>
    public ThresholdRule Threshold { get; init; }

    /// <summary>Theta as a person set it; null: estimated. It holds until it is removed, also when images are added.</summary>
    public double? Theta { get; init; }

    /// <summary>Share of good parts with the verdict review or defect; null, or not above alpha: there is no review.</summary>
    public double? ReviewRate { get; init; }

    /// <summary>Whether distances are divided by the usual distances (<see cref="UsualDistances"/>); in
    /// <see cref="Fusion.Concatenated"/> only.</summary>
    public bool Normalised { get; init; }

    /// <summary>Standard deviation, in input pixels, of the Gaussian that smooths the map; doubled for tiles, since a tile's pixel is a
    /// smaller part of the photograph.</summary>
    public double Sigma { get; init; } = 4;

    /// <summary>The defaults, with fewer gate neighbours if the gallery has fewer images.</summary>
    public static ScoringOptions DefaultFor(int images) => Default with { GateNeighbours = Math.Clamp(images, 1, DefaultGateNeighbours) };

    /// <summary>Whether both settings give the same scores, so that thresholds hold for both. Which images are localised (gate policy) and
    /// how thresholds are chosen (alpha) do not matter.</summary>
    public bool ScoresLike(ScoringOptions other)
        => (GateNeighbours, GalleryNeighbours, Kappa, Fusion, Sigma, Normalised, Window)
            == (other.GateNeighbours, other.GalleryNeighbours, other.Kappa, other.Fusion, other.Sigma, other.Normalised, other.Window)
            && (TileReach is null || other.TileReach is null || TileReach == other.TileReach)
            && (Levels ?? []).SequenceEqual(other.Levels ?? []) && Levels is null == other.Levels is null;

    /// <exception cref="SpadeException">InvalidArgument: a setting that a gallery of <paramref name="images"/> images and
    /// <paramref name="levels"/> levels cannot serve.</exception>
    public void Check(int images, int levels)
    {
        Require(GateNeighbours >= 1 && GateNeighbours <= images,
            $"gate neighbours K = {GateNeighbours}, but the gallery holds {images} images: choose 1 to {images}");
        Require(GalleryNeighbours is null || (GalleryNeighbours >= 1 && GalleryNeighbours <= images),
            $"gallery neighbours K = {GalleryNeighbours}, but the gallery holds {images} images: choose 1 to {images}");
        Require(Kappa is >= 1 and <= 64, $"kappa = {Kappa}: choose 1 to 64");
        Require(Window is null or >= 1, $"search window = {Window}: choose a radius of at least 1 cell");
        Require(Alpha is > 0 and < 1, $"alpha = {Alpha}: choose a rate above 0 and below 1");
        Require(Theta is null or (> 0 and < double.PositiveInfinity), $"theta = {Theta}: choose a score above 0");
        Require(ReviewRate is null or (> 0 and < 1), $"review rate = {ReviewRate}: choose a rate above 0 and below 1");
        Require(Sigma is >= 0 and <= 64, $"sigma = {Sigma}: choose 0 to 64 pixels");
        Require(TileReach is null or >= 0, $"tile reach = {TileReach}: choose 0 or more");
        Require(AuditShare is >= 0 and <= 1, $"audit share = {AuditShare}: choose 0 to 1");
        if (Levels is null) return;
        Require(Levels.Count > 0 && Levels.All(l => l >= 0 && l < levels) && Levels.Zip(Levels.Skip(1)).All(p => p.First < p.Second),
            $"levels {string.Join(',', Levels.Select(l => l + 1))}: choose ascending ones out of 1 to {levels}");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new SpadeException(SpadeError.InvalidArgument, otherwise);
    }
}
