using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade score</summary>
internal static class ScoreCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("IMAGE") { Description = "Image files, or folders of them.", Arity = ArgumentArity.OneOrMore };
        var category = new Option<string>("--category") { Description = "Product category.", HelpName = "NAME", Required = true };
        var (gallery, model, threads, json) = (CommonOptions.Gallery(), CommonOptions.Model(), CommonOptions.Threads(), CommonOptions.Json());
        var output = new Option<string?>("--out") { Description = "Folder for an overlay and a mask per image.", HelpName = "DIR" };
        var command = new Command("score", "Score photographs: one line each, or with --json one JSON object per line. Exit code 0 also when images are anomalous.\n\nExample: spade score --category bottle line3/*.png --json") { paths, category, gallery, model, threads, output, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var files = Files.Expand(parsed.GetRequiredValue(paths));
            var store = new FileGalleryStore(parsed.GetRequiredValue(gallery));
            using var engines = new Engines(parsed.GetValue(model), threads: parsed.GetValue(threads));
            var manifest = await engines.Galleries(store, Environment.UserName).GetAsync(parsed.GetRequiredValue(category), cancellation);
            var scoring = new ScoringService(store, engines, threads: engines.Threads);
            if (manifest.Calibration is null) Console.Error.WriteLine($"spade: category '{manifest.Category}' is not calibrated: raw scores only; run 'spade gallery calibrate {manifest.Category}'");
            if (parsed.GetValue(output) is { } folder) Directory.CreateDirectory(folder);

            int failed = 0, anomalous = 0;
            foreach (string file in files)
            {
                try
                {
                    var scored = await scoring.ScoreAsync(manifest.Category, Files.Source(file), cancellation);
                    var score = ImageScore.Of(scored);
                    if (parsed.GetValue(output) is { } pictures) score = ScorePictures.Write(pictures, scored, score);
                    if (score.PredLabel == true) anomalous++;
                    if (parsed.GetValue(json)) CliJson.WriteLine(score, CliJson.Default.ImageScore);
                    else Console.WriteLine(Line(score));
                }
                catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.NotFound or SpadeError.ResourceExhausted)
                {
                    failed++;
                    if (parsed.GetValue(json)) CliJson.WriteLine(new FailedImage(file, e.Message), CliJson.Default.FailedImage);
                    Console.Error.WriteLine($"spade: {e.Message}");
                }
            }
            if (!parsed.GetValue(json) && files.Count > 1)
                Console.WriteLine($"{files.Count} images: {anomalous} anomalous, {files.Count - failed - anomalous} {(manifest.Calibration is null ? "scored" : "normal")}, {failed} failed");
            return failed > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static string Line(ImageScore s)
    {
        string verdict = s.PredLabel switch { true => "anomalous", false => "normal", null => "-" };
        string raw = s.RawScore is { } r ? r.ToString("G5", CultureInfo.InvariantCulture) : "gate only";
        string score = s.PredScore?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
        string where = s.Regions.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"  peak at {s.Regions[0].PeakAt.X:0},{s.Regions[0].PeakAt.Y:0}, {s.Regions.Count} region(s)");
        return string.Create(CultureInfo.InvariantCulture, $"{verdict,-9}  {score}  raw {raw}  {s.Milliseconds.Total:0} ms  {s.File}{where}");
    }
}
