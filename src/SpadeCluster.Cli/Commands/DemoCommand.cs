using System.CommandLine;
using System.Diagnostics;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Cli.Evaluation.Report;
using SpadeCluster.Cli.Output;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade demo</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var output = new Option<string>("--out")
        {
            Description =
            "Folder for the demo's images, gallery and report; replaced if it contains an earlier demo.",
            HelpName = "DIR",
            DefaultValueFactory = _ => "demo"
        };
        var large = new Option<bool>("--large")
        {
            Description = "Circuit panels of 12 megapixels with fine defects instead of small plates, searched as a whole and in tiles; "
                + "takes a few minutes.",
        };
        var threads = CommonOptions.Threads();
        var json = CommonOptions.Json();
        var command = new Command("demo",
            "Run everything once: make an inspection set of machined plates, build and calibrate a gallery, evaluate it, write a "
            + "report.\n\nExample: spade demo --out /tmp/plates") { output, large, threads, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string folder = parsed.GetRequiredValue(output);
            StartAfresh(folder);
            using var engines = new Engines(null, new(Threads: parsed.GetValue(threads)));
            var clock = Stopwatch.StartNew();
            bool isLarge = parsed.GetValue(large);
            var parts = isLarge ? DemoDataset.Panels : DemoDataset.Plates;
            IReadOnlyList<EvaluatedCategory> categories = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
            {
                var dataset = DatasetLayout.Open(parts.Write(Path.Combine(folder, "dataset"), (done, total) =>
                    progress($"photographing {parts.Name}", done, total)))[0];
                var store = new FileGalleryStore(Path.Combine(folder, "galleries"));
                if (!isLarge)
                    return (IReadOnlyList<EvaluatedCategory>)[await Evaluator.RunAsync(dataset, store, engines, new(),
                        new Recipe("plain", new ScoringOptions { Alpha = 0.02 }), coreset: 1, progress, cancellation)];
                var tiled = engines.Preparing(m => GeometryOptions.Choose(m, dataset.Train));
                var spade = Recipe.Parse("spade")[0];
                return [await Evaluator.RunAsync(dataset, store, tiled, new(), spade, coreset: 1, progress, cancellation),
                    await Evaluator.RunAsync(dataset with { Name = $"{parts.Name}-whole" }, store, engines, new(), spade, coreset: 1,
                        progress,
                        cancellation)];
            });
            string report = Path.Combine(folder, "report.html");
            HtmlReport.Write(report, categories);
            var summary = EvaluationSummary.Of([.. categories.Select(c => c.Figures)], Path.GetFullPath(report),
                clock.Elapsed.TotalSeconds);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(summary, CliJson.Default.EvaluationSummary);
            }
            else
            {
                EvaluateCommand.Print(summary);
                Console.WriteLine($"score one yourself: ./spade score --gallery {Path.Combine(folder, "galleries")} --category "
                    + $"{parts.Name} {Path.Combine(folder, "dataset", parts.Name, "test", "scratch")}");
            }
            return 0;
        });
        return command;
    }

    /// <summary>Deletes the files of an earlier demo. Only a folder that a demo has marked is deleted.</summary>
    private static void StartAfresh(string folder)
    {
        string mark = Path.Combine(folder, ".spade-demo");
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
        {
            if (!File.Exists(mark))
                throw new SpadeException(SpadeError.FailedPrecondition,
                    $"'{folder}' has files that are not from a demo: name a new folder with --out");
            Directory.Delete(folder, recursive: true);
        }
        Directory.CreateDirectory(folder);
        File.WriteAllText(mark, "Made by 'spade demo', which replaces this whole folder when it runs again.\n");
    }
}
