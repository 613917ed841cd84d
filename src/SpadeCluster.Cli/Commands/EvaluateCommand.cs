using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Cli.Evaluation.Report;
using SpadeCluster.Cli.Evaluation.Video;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
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
            "Folder of a data set or of one of its categories: MVTec AD, MVTec AD 2, BTAD, VisA, KolektorSDD, or a folder with labels.csv; "
            + "or of ShanghaiTech Campus, whose frames are scored clip by clip."
        };
        var layout = new Option<string?>("--layout")
        {
            Description = "The data set's layout, if it is not to be recognised: "
                + string.Join("; ", DatasetLayout.All.Select(l => $"{l.Name}: {l.Folders}"))
                + $"; {VideoDataset.Layout}: {VideoDataset.Folders}.",
            HelpName = "NAME"
        };
        layout.AcceptOnlyFromAmong([.. DatasetLayout.All.Select(l => l.Name), VideoDataset.Layout]);
        var every = CommonOptions.Bounded(new Option<int>("--every")
        {
            Description = "For ShanghaiTech Campus: take every N-th frame of each training clip.",
            HelpName = "N",
            DefaultValueFactory = _ => 1
        }, 1, 1_000_000);
        var model = CommonOptions.Model();
        var recipe = new Option<string>("--recipe", "--protocol")
        {
            Description = Recipe.Description,
            HelpName = "NAMES",
            DefaultValueFactory = _ => "spade"
        };
        recipe.Validators.Add(result =>
        {
            if (Recipe.Problem(result.GetRequiredValue(recipe)) is { } problem) result.AddError(problem);
        });
        var coreset = CommonOptions.Bounded(new Option<double>("--coreset")
        {
            Description = "Share of the normals' patches that the patchcore recipe keeps.",
            HelpName = "SHARE",
            DefaultValueFactory = _ => 1
        }, 0.0001, 1);
        var copies = CommonOptions.Copies();
        var output = new Option<string>("--out")
        {
            Description = "Folder for report.html.",
            HelpName = "DIR",
            DefaultValueFactory = _ =>
            "evaluation"
        };
        var json = CommonOptions.Json();
        var shots = new ShotOptions();
        var command = new Command("evaluate",
            "Build a gallery from a dataset's normals, score its test images, measure, and write report.html.\n\nExample: spade "
            + "evaluate datasets/bottle --recipe spade,patchcore --json\nExample: spade evaluate datasets/VisA --shots 1,2,4,8,16 --seeds 5"
            + "\nExample: spade evaluate datasets/shanghaitech --recipe paper --every 100")
        {
            dataset, layout, model, recipe, coreset, copies, every, shots.Shots, shots.Seeds, output, json
        };
        var extractor = new DeviceOptions(command);
        var geometry = new GeometryOptions(command);
        var method = new MethodOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            Recipe[] recipes = [.. Recipe.Parse(parsed.GetRequiredValue(recipe))
                .Select(r => r with { Options = method.Read(parsed, r.Options) })];
            var asNew = new NewCategory(Copies: parsed.CopiesOf(copies));
            string path = parsed.GetRequiredValue(dataset);
            if (parsed.GetValue(layout) == VideoDataset.Layout || (parsed.GetValue(layout) is null && VideoDataset.Has(path)))
            {
                var clips = VideoDataset.Open(path, parsed.GetValue(every));
                using var opened = new Engines(parsed.GetValue(model), extractor.Read(parsed));
                await EvaluateVideoAsync(clips, parsed.GetValue(every), parsed.GetRequiredValue(output), asNew, recipes,
                    parsed.GetValue(json), r => opened.Preparing(m => r.Preprocessing?.ToString() ?? geometry.Read(parsed, m, clips.Train)),
                    cancellation);
                return 0;
            }
            var datasets = DatasetLayout.Open(path, parsed.GetValue(layout));
            using var engines = new Engines(parsed.GetValue(model), extractor.Read(parsed));
            // The recipes plain and patchcore use no tiles, and recipes that are compared with patchcore use the same features.
            bool compared = Array.Exists(recipes, r => r.Name == Recipe.PatchCore);
            string Geometry(Recipe r, FeatureModel m, IReadOnlyList<string> photographs) => r.Preprocessing?.ToString()
                ?? (!geometry.IsGiven(parsed) && (compared || r.Name == Recipe.Plain)
                ? Preprocessing.Stretch(m.InputWidth, m.InputHeight).ToString() : geometry.Read(parsed, m, photographs));
            var clock = Stopwatch.StartNew();
            var runs = recipes.SelectMany(r => datasets.Select(d => (Recipe: r, Dataset: d,
                Engines: engines.Preparing(m => Geometry(r, m, d.Train))))).ToList();
            string report = Path.Combine(parsed.GetRequiredValue(output), "report.html");
            if (shots.Read(parsed) is { } counts)
            {
                if (compared) throw new SpadeException(SpadeError.InvalidArgument, "--shots is for SPADE: leave out the recipe patchcore");
                var curves = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
                {
                    var done = new List<ShotCurve>();
                    foreach (var (r, d, prepared) in runs)
                        done.Add(await FewShots.RunAsync(d, prepared, asNew, r, counts, parsed.GetValue(shots.Seeds), progress,
                            cancellation));
                    return done;
                });
                ShotReport.Write(report, curves);
                if (parsed.GetValue(json)) CliJson.WriteLine(curves, CliJson.Default.IReadOnlyListShotCurve);
                else
                {
                    ShotReport.Print(curves);
                    Console.WriteLine($"report: {report}");
                }
                return 0;
            }
            if (!parsed.GetValue(json))
                foreach (var (r, d, prepared) in runs)
                    await BuildForecast.WriteAsync($"{d.Name}, {r.Name}: {d.Train.Count} normals", d.Train.Count,
                        ((IFeatureEngines)prepared).DefaultFor(asNew),
                        new InMemoryGalleryStore(), "in memory");
            var categories = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
            {
                var done = new List<EvaluatedCategory>();
                foreach (var (r, d, prepared) in runs)
                    done.Add(await Evaluator.RunAsync(d, new InMemoryGalleryStore(), prepared, asNew,
                        r.FittedTo(d.Train.Count), parsed.GetValue(coreset), progress, cancellation));
                return done;
            });
            HtmlReport.Write(report, categories);
            var summary = EvaluationSummary.Of([.. categories.Select(c => c.Figures)], Path.GetFullPath(report),
                clock.Elapsed.TotalSeconds);
            if (parsed.GetValue(json)) CliJson.WriteLine(summary, CliJson.Default.EvaluationSummary);
            else Print(summary);
            return 0;
        });
        return command;
    }

    private static async Task EvaluateVideoAsync(VideoDataset dataset, int every, string folder, NewCategory asNew, Recipe[] recipes,
        bool json, Func<Recipe, Engines> prepared, CancellationToken cancellationToken)
    {
        if (Array.Exists(recipes, r => r.Name == Recipe.PatchCore))
            throw new SpadeException(SpadeError.InvalidArgument, "clips are for SPADE: leave out the recipe patchcore");
        Directory.CreateDirectory(folder);
        foreach (var recipe in recipes)
        {
            var f = await ProgressBars.RunAsync(json, progress =>
                VideoEvaluation.RunAsync(dataset, every, folder, prepared(recipe), asNew, recipe, progress, cancellationToken));
            if (json) CliJson.WriteLine(f, CliJson.Default.VideoEvaluation);
            else
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{f.Dataset}, {f.Recipe}: frame AUROC {f.FrameAurocGate:0.0000} (gate), {f.FrameAuroc:0.0000} (score); pixel AUROC "
                    + $"{f.PixelAuroc:0.0000}; {f.Train} normals (every {f.Every}), {f.Clips} clips, {f.Frames} frames, "
                    + $"{f.AnomalousFrames} anomalous; model {f.Model}, {f.Preprocessing}; {f.Seconds:0.0} s"));
        }
    }

    public static void Print(EvaluationSummary summary)
    {
        // One column per data set and recipe; with several data sets, also a column with the mean of each recipe.
        bool several = summary.Recipes.Count > 1;
        var columns = new List<(string Name, Metrics Metrics)>();
        foreach (var recipe in summary.Recipes)
        {
            var categories = summary.Categories.Where(c => c.Recipe == recipe.Recipe).ToList();
            columns.AddRange(categories.Select(c => (Named(c.Dataset, recipe), (Metrics)c)));
            if (categories.Count > 1) columns.Add((Named("mean", recipe), recipe));
        }
        string Named(string name, RecipeEvaluation recipe) => several ? $"{name}\n{recipe.Recipe}" : name;
        var table = new Table().Border(TableBorder.Rounded).AddColumn("");
        foreach (var (name, _) in columns) table.AddColumn(new TableColumn(Markup.Escape(name)).RightAligned());
        Row("image AUROC (score)", m => m.ImageAurocMapTop1);
        Row("image AUROC (map, maximum)", m => m.ImageAurocMapMax);
        Row("image AUROC (gate)", m => m.ImageAurocGate);
        Row("image AUPR", m => m.ImageAupr);
        Row("best F1", m => m.ImageBestF1);
        Row("pixel AUROC", m => m.PixelAuroc);
        Row("pixel best F1", m => m.PixelBestF1);
        Row("SegF1 (at theta)", m => m.SegF1);
        Row("PRO up to 0.3", m => m.Pro30);
        Row("PRO up to 0.05", m => m.Pro05);
        Row("AUPIMO", m => m.Aupimo);
        Row("false rejects at the thresholds", m => m.FalseRejectRate);
        Row("misses at the thresholds", m => m.MissRate);
        Row("mean of both", m => m.MeanErrorRate);
        Row("mean at the best threshold", m => m.BestMeanErrorRate);
        Row("good images reviewed or rejected", m => m.ReviewedGoodRate);
        Row("defects passed as good", m => m.PassedDefectRate);
        Row("seconds per image", m => (m as CategoryEvaluation)?.SecondsPerImage.Total ?? (m as RecipeEvaluation)?.SecondsPerImage);
        Row("seconds to learn", m => m.GallerySeconds + m.CalibrationSeconds, "0.0");
        Row("MB in memory", m => m.GalleryBytes / 1e6, "0.0");
        AnsiConsole.Write(table);
        foreach (var c in summary.Categories)
        {
            string name = several ? $"{c.Dataset}, {c.Recipe}" : c.Dataset;
            string few = c.PromisedFalseRejectRate > c.Alpha ? $" (too few normals for {c.Alpha:0.####})" : "";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name}: {c.Train} normals, {c.Test} test images, model {c.Model}, {c.Method}; theta "
                + $"aims at {c.Alpha:0.####} false rejects; a conformal threshold promises "
                + $"{c.PromisedFalseRejectRate:0.####}{few}"));
            foreach (string problem in c.Problems) Console.Error.WriteLine($"spade: {problem}");
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{summary.Seconds:0.0} s; report: {summary.Report}"));

        void Row(string name, Func<Metrics, double?> figure, string format = "0.0000")
            => table.AddRow([name, .. columns.Select(c => figure(c.Metrics)?.ToString(format, CultureInfo.InvariantCulture) ?? "-")]);
    }
}
