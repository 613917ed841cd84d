using System.Globalization;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Output;

/// <summary>Prints a calibration: thresholds, estimated rate, promised rate, suspects.</summary>
internal static class CalibrationText
{
    public static void Write(GalleryManifest manifest)
    {
        var c = manifest.Calibration!;
        var (options, category) = (c.Options, manifest.Category);
        string review = c.Review is { } limit ? Text($", review above {limit:G5}") : "";
        string rule = options.Theta is null
            ? options.Threshold.ToString().ToLowerInvariant()
            : "theta set by hand; the others " + options.Threshold.ToString().ToLowerInvariant();
        string aim = Text($"thresholds ({rule}, aiming at {options.Alpha:P1} of good parts)");
        Line($"{aim}: defect above theta {c.Theta:G5}{review}; gate tau {c.Tau:G5}");
        if (GalleryTiles.Of(manifest) is { Grid.Count: > 1 } tiles)
            Line($"tiles are compared with normals' tiles {(tiles.HasRegion ? "of the same position, because there is a region"
                : Reach(options.TileReach ?? ScoringOptions.Anywhere) + " (--tile-reach)")}");
        var rate = c.EstimatedRate;
        Line($"estimated: theta rejects {rate.Rate:P1} of good parts (95 % interval {rate.Low:P1} to {rate.High:P1})");
        if (options.Threshold == ThresholdRule.Conformal)
            Line($"promised: at most {c.Rate:P2} of good parts rejected, if they are like these");
        else
        {
            string conformal = Text($"a threshold of {c.PromisedTheta:G5} (--threshold conformal)");
            Line($"promised: nothing by theta; {conformal} rejects at most {c.Rate:P2}, if parts are like these");
        }
        if (c.Rate > options.Alpha)
            Line($"{c.Scores.Count} normals are too few to promise {options.Alpha:P2}: that takes {Math.Ceiling(1 / options.Alpha) - 1:0}");
        if (NormalScoreRow.Of(manifest) is { } highest)
            Line($"highest among the normals: {string.Join(", ", highest.Select(h => Text($"{h.RawScore:G5} {h.Source}")))}");
        foreach (var s in SuspectRow.Of(manifest))
            Line($"suspect{(s.Accepted ? " (accepted)" : "")}: {s.RawScore:G5}, the next has {s.NextScore:G5}: {s.ImageId}  {s.Source}");
        if (!c.Suspects.Any(s => !s.Accepted)) return;
        string count = options.Threshold == ThresholdRule.Conformal
            ? "a conformal promise counts suspects too" : "suspects do not count in the thresholds";
        Line($"{count}: 'spade gallery accept {category} IMAGE' if the part is good, 'spade gallery retire {category} IMAGE' if not");
    }

    private static string Reach(int reach) => reach switch
    {
        0 => "of the same position",
        ScoringOptions.Anywhere => "of any position",
        _ => Text($"at most {reach} position(s) away"),
    };

    private static void Line(FormattableString text) => Console.WriteLine(Text(text));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
