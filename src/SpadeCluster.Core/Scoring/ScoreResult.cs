using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>Milliseconds per stage of one image.</summary>
public sealed record StageTimes
{
    public double Prepare { get; init; }
    public double Extract { get; init; }
    public double Retrieve { get; init; }
    public double Match { get; init; }
    public double Map { get; init; }
    public double Total => Prepare + Extract + Retrieve + Match + Map;
}

/// <summary>Where a pixel found its nearest normal pixel.</summary>
/// <param name="Image">The normal image.</param>
/// <param name="X">Column of the matched cell's centre, in input pixels of the normal.</param>
/// <param name="Y">The same, down.</param>
/// <param name="Distance">Squared distance.</param>
/// <param name="Orientation">Of the copy that was matched; the position is that on the photograph.</param>
public sealed record PixelEvidence(ImageId Image, double X, double Y, float Distance, Orientation Orientation = Orientation.Original);

/// <summary>The result of scoring one image.</summary>
public sealed record ScoreResult
{
    /// <summary>Mean squared pooled distance to the nearest normals (eq. 2's d); of an image in tiles, that of its farthest tile.</summary>
    public required double GateDistance { get; init; }

    /// <summary>The calibrated thresholds, or null where the version is not calibrated.</summary>
    public required Calibration? Calibration { get; init; }

    /// <summary>The normals used, nearest first; of an image in tiles, those of its farthest tile.</summary>
    public required IReadOnlyList<Neighbour> Neighbours { get; init; }

    /// <summary>Null if the gate did not localise the image.</summary>
    public AnomalyMap? Map { get; init; }

    /// <summary>The score that is compared with the thresholds: the mean of the map's highest 1 %, or of the highest 2 % of the map of
    /// relative distances; null without a map.</summary>
    public double? Score { get; init; }

    /// <summary>Connected regions above theta, highest peak first; none for a normal image.</summary>
    public IReadOnlyList<AnomalyRegion> Regions { get; init; } = [];

    public required StageTimes Times { get; init; }

    /// <summary>The matches of each tile; empty without a map.</summary>
    internal IReadOnlyList<TileMatches> Tiles { get; init; } = [];

    internal GalleryTiles? Gallery { get; init; }

    internal TileFrame Frame { get; init; }

    /// <summary>Whether the gate distance exceeds tau; null without calibration.</summary>
    public bool? Flagged => Calibration is null ? null : GateDistance > Calibration.Tau;

    /// <summary>
    /// Whether the score exceeds theta; false without a map, null without calibration.
    /// </summary>
    public bool? Anomalous => Calibration is null ? null : Score > Calibration.Theta;

    /// <summary>Null without calibration.</summary>
    public Verdict? Verdict => Calibration is null ? null : Anomalous == true ? Scoring.Verdict.Defect
        : Score > Calibration.Review ? Scoring.Verdict.Review : Scoring.Verdict.Good;

    /// <summary>The score with the threshold at 0.5 (the gate's, where there is no map); null without calibration.</summary>
    public double? NormalisedScore => Calibration is null ? null
        : Score is not { } score ? Math.Min(0.5, Calibration.NormaliseGate(GateDistance)) : Calibration.Normalise(score);

    /// <summary>Map values above this form regions: theta, or the map's score where that is lower, so that each defect has a
    /// region.</summary>
    public double RegionThreshold => Anomalous == true ? Math.Min(Calibration!.Theta, Map!.Score) : double.PositiveInfinity;

    /// <summary>The normal pixel that matched input pixel (<paramref name="x"/>, <paramref name="y"/>) best; null without a map.</summary>
    public PixelEvidence? EvidenceAt(int x, int y)
    {
        if (Map is null || Gallery is null || Tiles.Count == 0) return null;
        var grid = Gallery.Grid;
        (x, y) = (x + Frame.X, y + Frame.Y);
        int tile = grid.TileAt(x, y);
        var (left, top) = grid.Origin(tile);
        var (m, found) = (Tiles[tile].Maps[0], Tiles[tile].Found);
        int at = ((y - top) * m.Height / grid.TileHeight * m.Width + (x - left) * m.Width / grid.TileWidth) * m.Kappa;
        // Nothing was searched outside the region of interest.
        if (float.IsPositiveInfinity(m.Distances[at])) return null;
        var normal = found[m.Images[at]];
        var (row, column) = Math.DivRem(normal.Orientation.ToPhotograph(m.Cells[at], m.Width, m.Height), m.Width);
        var (origin, frame) = (grid.Origin(grid.OnPhotograph(normal.Tile, normal.Orientation)), Gallery.Frame(normal.Photograph));
        return new PixelEvidence(normal.Photograph, origin.X - frame.X + (column + 0.5) * grid.TileWidth / m.Width,
            origin.Y - frame.Y + (row + 0.5) * grid.TileHeight / m.Height, m.Distances[at], normal.Orientation);
    }
}

/// <summary>What the pixel search found for one tile.</summary>
/// <param name="Maps">One per fused grid, the finest first.</param>
/// <param name="Found">Tiles of normals at the maps' positions.</param>
internal sealed record TileMatches(IReadOnlyList<PixelMatches> Maps, IReadOnlyList<GalleryTile> Found);
