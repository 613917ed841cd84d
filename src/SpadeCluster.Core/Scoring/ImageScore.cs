using System.Text.Json.Serialization;
using SpadeCluster.Features;

namespace SpadeCluster.Scoring;

/// <summary>Box in pixels of the photograph.</summary>
public sealed record PhotoBox(int X, int Y, int Width, int Height);

/// <summary>A point in pixels of the photograph.</summary>
public sealed record PhotoPoint(double X, double Y);

/// <summary>The normal pixel that matched a region's peak.</summary>
/// <param name="Source">The normal's file name.</param>
/// <param name="Input">The position in the normal, in input pixels.</param>
/// <param name="Copy">How the copy of the normal that matched is turned: mirrored, flipped, rotated-90, rotated-180 or rotated-270; the
/// position is that on the photograph. Null: the photograph itself matched.</param>
public sealed record RegionEvidence(string ImageId, string Source, PhotoPoint Input, double Distance,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Copy = null);

public sealed record ScoredRegion(PhotoBox Box, int InputArea, double Peak, PhotoPoint PeakAt, RegionEvidence? Evidence);

/// <param name="Copy">As in <see cref="RegionEvidence"/>.</param>
public sealed record NeighbourScore(string ImageId, string Source, double Distance,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Copy = null);

/// <summary>One scored image, with anomalib's names for fields that anomalib has. Distances are squared and not scaled.</summary>
public sealed record ImageScore
{
    public required string File { get; init; }
    public required string ImageId { get; init; }
    public required string Category { get; init; }
    public required int Version { get; init; }

    /// <summary>0 to 1, the threshold at 0.5; null without calibration.</summary>
    public double? PredScore { get; init; }

    /// <summary>True: anomalous; null without calibration.</summary>
    public bool? PredLabel { get; init; }

    /// <summary>"good", "review" or "defect"; null without calibration.</summary>
    public string? Verdict { get; init; }

    /// <summary>The score that is compared with the thresholds (<see cref="ScoreResult.Score"/>); null if the gate did not localise the
    /// image.</summary>
    public double? RawScore { get; init; }
    public double? MapMax { get; init; }
    public double? Theta { get; init; }

    /// <summary>Raw scores above this are to be reviewed; null: there is no review.</summary>
    public double? Review { get; init; }
    public required double GateDistance { get; init; }
    public double? Tau { get; init; }
    public bool? Flagged { get; init; }
    public required bool Localised { get; init; }
    public required IReadOnlyList<ScoredRegion> Regions { get; init; }
    public required IReadOnlyList<NeighbourScore> Neighbours { get; init; }

    /// <summary>Files written for this image by --out.</summary>
    public string? Overlay { get; init; }
    public string? PredMask { get; init; }
    public required StageTimes Milliseconds { get; init; }

    /// <summary>The report of a scored image; its neighbours are those of the gate.</summary>
    public static ImageScore Of(ScoredImage scored)
    {
        int neighbours = (scored.Gallery.Calibration?.Options ?? new ScoringOptions()).GateNeighbours;
        var (result, geometry) = (scored.Result, scored.Prepared.Geometry);
        var sources = scored.Gallery.Images.ToDictionary(i => i.Id, i => i.Source);
        return new ImageScore
        {
            File = scored.Source,
            ImageId = scored.Id.ToString(),
            Category = scored.Gallery.Category,
            Version = scored.Gallery.Version,
            PredScore = result.NormalisedScore,
            PredLabel = result.Anomalous,
            Verdict = result.Verdict?.ToString().ToLowerInvariant(),
            RawScore = result.Score,
            MapMax = result.Map?.Max,
            Theta = result.Calibration?.Theta,
            Review = result.Calibration?.Review,
            GateDistance = result.GateDistance,
            Tau = result.Calibration?.Tau,
            Flagged = result.Flagged,
            Localised = result.Map is not null,
            Regions = [.. result.Regions.Select(ToRegion)],
            Neighbours = [.. result.Neighbours.Take(neighbours)
                .Select(n => new NeighbourScore(n.Id.ToString(), sources[n.Id], n.Distance, n.Orientation.Word()))],
            Milliseconds = result.Times,
        };

        ScoredRegion ToRegion(AnomalyRegion r)
        {
            var (left, top) = geometry.ToOriginal(r.X, r.Y);
            var (right, bottom) = geometry.ToOriginal(r.X + r.Width, r.Y + r.Height);
            int x = (int)Math.Floor(left), y = (int)Math.Floor(top);
            var peak = geometry.ToOriginal(r.PeakX + 0.5, r.PeakY + 0.5);
            var evidence = result.EvidenceAt(r.PeakX, r.PeakY);
            return new ScoredRegion(
                new PhotoBox(x, y, Math.Min((int)Math.Ceiling(right), geometry.OriginalWidth) - x,
                    Math.Min((int)Math.Ceiling(bottom), geometry.OriginalHeight) - y),
                r.Area, r.Peak, new PhotoPoint(peak.X, peak.Y),
                evidence is null ? null : new RegionEvidence(evidence.Image.ToString(), sources[evidence.Image],
                    new PhotoPoint(evidence.X, evidence.Y), evidence.Distance, evidence.Orientation.Word()));
        }
    }
}
