using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Report;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade evaluate DATASET</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var dataset = new Argument<string>("DATASET")
        {
            Description =
            "Folder in MVTec's layout (train/good, test/<kind>, ground_truth/<kind>/<name>_mask.png), or a folder of such."
        };
        var model = CommonOptions.Model();
        var protocol = new Option<string>("--protocol")
        {
            Description =
            "default; plain: distances as they are, conformal thresholds; or paper: shorter side 256, centre crop 224, gate K 50, "
            + "gallery K 50, kappa 1, gate policy gate; options beside it change what they name.",
            DefaultValueFactory = _ => "default"
        };
        protocol.AcceptOnlyFromAmong("default", "plain", "paper");
        var output = new Option<string>("--out")
        {
            Description = "Folder for report.html.",
            HelpName = "DIR",
            DefaultValueFactory = _ =>
            "evaluation"
        };
        var json = CommonOptions.Json();
        var command = new Command("evaluate",
            "Build a gallery from a dataset's normals, score its test images, measure, and write report.html.\n\nExample: spade "
            + "evaluate datasets/bottle --gallery-k 31 --json") { dataset, model, protocol, output, json };
        var extractor = new ExtractorOptions(command);
        var geometry = new GeometryOptions(command);
        var method = new MethodOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            bool paper = parsed.GetValue(protocol) == "paper";
            var options = method.Read(parsed, parsed.GetValue(protocol) switch
            {
                "paper" => new ScoringOptions { GateNeighbours = 50, GatePolicy = GatePolicy.Gate },
                "plain" => new ScoringOptions(),
                _ => null,
            });
            var datasets = MvtecDataset.Open(parsed.GetRequiredValue(dataset));
            using var engines = new Engines(parsed.GetValue(model), extractor.Read(parsed));
            var clock = Stopwatch.StartNew();
            var categories = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
            {
                var done = new List<EvaluatedCategory>();
                foreach (var d in datasets)
                {
                    // The paper's K of 50 on a smaller set means all of it.
                    var fitted = paper ? options with { GateNeighbours = Math.Min(options.GateNeighbours, d.Train.Count) } : options;
                    var prepared = engines.Preparing(m => paper ? Preprocessing.Paper.ToString() : geometry.Read(parsed, m, d.Train));
                    done.Add(await Evaluator.RunAsync(d, new InMemoryGalleryStore(), prepared, fitted, progress, cancellation));
                }
                return done;
            });
            string report = Path.Combine(parsed.GetRequiredValue(output), "report.html");
            HtmlReport.Write(report, categories);
            var summary = EvaluationSummary.Of([.. categories.Select(c => c.Figures)], Path.GetFullPath(report),
                clock.Elapsed.TotalSeconds);
            if (parsed.GetValue(json)) CliJson.WriteLine(summary, CliJson.Default.EvaluationSummary);
            else Print(summary);
            return 0;
        });
        return command;
    }

    public static void Print(EvaluationSummary summary)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("");
        foreach (var c in summary.Categories) table.AddColumn(new TableColumn(Markup.Escape(c.Dataset)).RightAligned());
        bool mean = summary.Categories.Count > 1;
        if (mean) table.AddColumn(new TableColumn("mean").RightAligned());
        Row("image AUROC (score)", m => m.ImageAurocMapTop1);
        Row("image AUROC (map, maximum)", m => m.ImageAurocMapMax);
        Row("image AUROC (gate)", m => m.ImageAurocGate);
        Row("image AUPR", m => m.ImageAupr);
        Row("best F1", m => m.ImageBestF1);
        Row("pixel AUROC", m => m.PixelAuroc);
        Row("PRO up to 0.3", m => m.Pro30);
        Row("false rejects at the thresholds", m => m.FalseRejectRate);
        Row("misses at the thresholds", m => m.MissRate);
        Row("mean of both", m => m.MeanErrorRate);
        Row("the same at the best threshold", m => m.BestMeanErrorRate);
        Row("good images at least reviewed", m => m.ReviewedGoodRate);
        Row("defects passed as good", m => m.PassedDefectRate);
        Row("seconds per image", m => (m as CategoryEvaluation)?.SecondsPerImage.Total);
        AnsiConsole.Write(table);
        foreach (var c in summary.Categories)
        {
            string few = c.PromisedFalseRejectRate > c.Alpha ? $" (too few normals for {c.Alpha:0.####})" : "";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{c.Dataset}: {c.Train} normals, {c.Test} test images, model {c.Model}, {c.Fusion}, K {c.GateK}/{c.GalleryK}; theta "
                + $"aims at {c.Alpha:0.####} false rejects; a conformal threshold promises "
                + $"{c.PromisedFalseRejectRate:0.####}{few}"));
            foreach (string problem in c.Problems) Console.Error.WriteLine($"spade: {problem}");
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{summary.Seconds:0.0} s; report: {summary.Report}"));

        void Row(string name, Func<Metrics, double?> figure)
        {
            var cells = summary.Categories.Select(figure).ToList();
            if (mean) cells.Add(cells.Average());
            table.AddRow([name, .. cells.Select(v => v?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-")]);
        }
    }
}
