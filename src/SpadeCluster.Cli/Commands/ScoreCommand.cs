using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade score</summary>
internal static class ScoreCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("IMAGE") { Description = "Image files, or folders of them.", Arity = ArgumentArity.OneOrMore };
        var category = new Option<string>("--category") { Description = "Product category.", HelpName = "NAME", Required = true };
        var (gallery, model, memory, json) = (CommonOptions.Gallery(), CommonOptions.Model(), CommonOptions.Memory(), CommonOptions.Json());
        var output = new Option<string?>("--out") { Description = "Folder for an overlay and a mask per image.", HelpName = "DIR" };
        var command = new Command("score",
            "Score photographs: one line each, or with --json one JSON object per line. Exit code 0 also when there are defects.\n\n" +
            "Example: spade score --category bottle line3/*.png --json\n" +
            "Example: spade score --category bottle --server 127.0.0.1:5081 --line L3 --serial-number 4711 part.png")
        {
            paths, category, gallery, model, memory, output, json,
        };
        var metadata = new MetadataOptions(command);
        var extractor = new DeviceOptions(command);
        var server = new RemoteOptions(command, [gallery, model, memory, output, .. extractor.All]);
        command.SetAction(async (parsed, cancellation) =>
        {
            var files = Files.Expand(parsed.GetRequiredValue(paths));
            var known = metadata.Read(parsed);
            using var remote = server.Connect(parsed);
            if (remote is not null)
                return await ScoreAllAsync(files, parsed.GetValue(json),
                    (source, ct) => remote.ScoreAsync(parsed.GetRequiredValue(category), source with { Metadata = known }, ct),
                    cancellation);
            if (known != ImageMetadata.None)
                throw new SpadeException(SpadeError.InvalidArgument,
                    "line, serial number, batch, shift and operator are stored in the decision log of a server: name it with --server");
            var store = GalleryLocation.Open(parsed.GetRequiredValue(gallery));
            using var engines = new Engines(parsed.GetValue(model), extractor.Read(parsed));
            string named = parsed.GetRequiredValue(category);
            engines.OpenAhead(() => store.ReadModelDigestAsync(named, cancellation));
            var manifest = await engines.Galleries(store, Environment.UserName).GetAsync(named, cancellation);
            using var scoring = new ScoringService(store, engines, threads: engines.Threads, memory: parsed.Bytes(memory));
            if (manifest.Calibration is null)
                Console.Error.WriteLine($"spade: category '{manifest.Category}' is not calibrated: images are scored with its newest "
                    + $"version that is, or get raw scores only if there is none; run 'spade gallery calibrate {manifest.Category}'");
            if (parsed.GetValue(output) is { } folder) Directory.CreateDirectory(folder);

            return await ScoreAllAsync(files, parsed.GetValue(json), async (source, ct) =>
            {
                var scored = await scoring.ScoreAsync(manifest.Category, source, ct);
                var score = ImageScore.Of(scored);
                return parsed.GetValue(output) is { } pictures ? ScorePictures.Write(pictures, scored, score) : score;
            }, cancellation);
        });
        return command;
    }

    private static async Task<int> ScoreAllAsync(
        IReadOnlyList<string> files, bool json, Func<ImageSource, CancellationToken, Task<ImageScore>> scoreAsync,
        CancellationToken cancellation)
    {
        int failed = 0, scored = 0;
        var verdicts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (string file in files)
        {
            try
            {
                // A server gets the file's name without its folder.
                var score = await scoreAsync(Files.Source(file), cancellation) with { File = file };
                scored++;
                if (score.Verdict is { } verdict) verdicts[verdict] = verdicts.GetValueOrDefault(verdict) + 1;
                if (json) CliJson.WriteLine(score, CliJson.Default.ImageScore);
                else Console.WriteLine(Line(score));
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted
                || (e.Error is SpadeError.NotFound && e.Message.StartsWith(file, StringComparison.Ordinal)))
            {
                failed++;
                if (json) CliJson.WriteLine(new FailedImage(file, e.Message), CliJson.Default.FailedImage);
                Console.Error.WriteLine($"spade: {e.Message}");
            }
        }
        if (!json && files.Count > 1)
        {
            string counts = verdicts.Count == 0 ? $"{scored} scored" : string.Join(", ", verdicts.Select(v => $"{v.Value} {v.Key}"));
            Console.WriteLine($"{files.Count} images: {counts}, {failed} failed");
        }
        return failed > 0 ? ExitCodes.BadData : 0;
    }

    public static string Line(ImageScore s)
    {
        string raw = s.RawScore is { } r ? r.ToString("G5", CultureInfo.InvariantCulture) : "gate only";
        string score = s.PredScore?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
        string where = s.Regions.Count == 0 ? ""
            : string.Create(CultureInfo.InvariantCulture,
                $"  peak at {s.Regions[0].PeakAt.X:0},{s.Regions[0].PeakAt.Y:0}, {s.Regions.Count} region(s)");
        return string.Create(CultureInfo.InvariantCulture,
            $"{s.Verdict ?? "-",-6}  {score}  raw {raw}  {s.Milliseconds.Total:0} ms  {s.File}{where}");
    }
}
