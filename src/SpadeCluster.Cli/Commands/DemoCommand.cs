using System.CommandLine;
using System.Diagnostics;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Report;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
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
            "Folder for the demo's images, gallery and report; replaced if it holds an earlier demo.",
            HelpName = "DIR",
            DefaultValueFactory = _ => "demo"
        };
        var threads = CommonOptions.Threads();
        var json = CommonOptions.Json();
        var command = new Command("demo",
            "See the whole thing work: make an inspection set of machined plates, build and calibrate a gallery, evaluate, write a "
            + "report.\n\nExample: spade demo --out /tmp/plates") { output, threads, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string folder = parsed.GetRequiredValue(output);
            StartAfresh(folder);
            using var engines = new Engines(null, extractor: new(Threads: parsed.GetValue(threads)));
            var clock = Stopwatch.StartNew();
            var category = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
            {
                string dataset = DemoDataset.Write(Path.Combine(folder, "dataset"), (done, total) =>
                    progress("photographing plates", done, total));
                var store = new FileGalleryStore(Path.Combine(folder, "galleries"));
                return await Evaluator.RunAsync(MvtecDataset.Open(dataset)[0], store, engines, new ScoringOptions { Alpha = 0.02 },
                    progress, cancellation);
            });
            string report = Path.Combine(folder, "report.html");
            HtmlReport.Write(report, [category], engines.Default.Preparer);
            var summary = EvaluationSummary.Of([category.Figures], Path.GetFullPath(report), clock.Elapsed.TotalSeconds);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(summary, CliJson.Default.EvaluationSummary);
            }
            else
            {
                EvaluateCommand.Print(summary);
                Console.WriteLine($"score a plate yourself: ./spade score --gallery {Path.Combine(folder, "galleries")} --category "
                    + $"{DemoDataset.Name} {Path.Combine(folder, "dataset", DemoDataset.Name, "test", "scratch")}");
            }
            return 0;
        });
        return command;
    }

    /// <summary>Deletes what an earlier demo left. Only a folder that a demo has marked as its own is touched.</summary>
    private static void StartAfresh(string folder)
    {
        string mark = Path.Combine(folder, ".spade-demo");
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
        {
            if (!File.Exists(mark))
                throw new SpadeException(SpadeError.FailedPrecondition,
                    $"'{folder}' holds files that are not from a demo: name a new folder with --out");
            Directory.Delete(folder, recursive: true);
        }
        Directory.CreateDirectory(folder);
        File.WriteAllText(mark, "Made by 'spade demo', which replaces this whole folder when it runs again.\n");
    }
}
