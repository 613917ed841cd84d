using System.CommandLine;
using System.Text;
using System.Text.Json;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation.Paper;
using SpadeCluster.Cli.Evaluation.Report;
using SpadeCluster.Cli.Output;
using SpadeCluster.Inference.BuiltIn;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade reproduce DATASET...</summary>
internal static class ReproduceCommand
{
    private const string PaperModel = "wide_resnet50_2", PaperWeights = "wide_resnet50_2-95faca4d.pth";

    public static Command Create()
    {
        var folders = new Argument<string[]>("DATASET")
        {
            Description = "Folders of data sets or of categories, as for 'spade evaluate'; with --results, none to write that page only.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var models = new Option<string[]>("--model")
        {
            Description = $"Models, by folder, by name of a folder in ./{Engines.ModelsFolder}, or built in "
                + $"({string.Join(", ", BuiltInModels.Names)}). Default: {PaperModel}, the paper's, if it is there, and "
                + $"{BuiltInModels.Default}.",
            HelpName = "MODEL",
            DefaultValueFactory = _ => [PaperModel, BuiltInModels.Default],
        };
        var every = CommonOptions.Bounded(new Option<int>("--every")
        {
            Description = "For ShanghaiTech Campus: take every N-th frame of each training clip.",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        }, 1, 1_000_000);
        var output = new Option<string>("--out", "--output")
        {
            Description = "Folder for report.html, report.json and the results, one file each; what is there is not measured again.",
            HelpName = "DIR",
            DefaultValueFactory = _ => "reproduction",
        };
        var page = new Option<string?>("--results")
        {
            Description = "Write a page of Markdown of all results in the folder with the page's name without .md. A run's report.json "
                + "is copied there first, with the name of the folder --out.",
            HelpName = "PAGE.md",
        };
        page.Validators.Add(result =>
        {
            if (Path.GetExtension(result.GetValueOrDefault<string?>()) is not ".md")
                result.AddError("--results takes a file that ends in .md");
        });
        var json = CommonOptions.Json();
        var command = new Command("reproduce",
            "Measure the paper's tables (arXiv 2005.02357) over data sets, beside the published figures: image and pixel ROC AUC and PRO "
            + "of each category, ablations over pyramid levels and K, clips' frame and pixel ROC AUC. A run that was stopped continues "
            + "where it was.\n\nExample: spade reproduce datasets/mvtec datasets/shanghaitech --every 100"
            + "\nExample: spade reproduce --results docs/results.md")
        {
            folders, models, every, output, page, json
        };
        var extractor = new DeviceOptions(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(folders) is not { Length: > 0 } && result.GetValue(page) is null)
                result.AddError("name a data set, or the page to write with --results");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            string folder = parsed.GetRequiredValue(output);
            string? markdown = parsed.GetValue(page);
            if (parsed.GetRequiredValue(folders) is { Length: > 0 } paths)
            {
                PaperSet[] sets = [.. paths.Select(p => PaperSet.Open(p, parsed.GetValue(every)))];
                if (sets.DistinctBy(s => s.Name).Count() < sets.Length)
                    throw new SpadeException(SpadeError.InvalidArgument, "two data sets have folders of the same name: rename one of them");
                var report = await RunAsync(sets, parsed.GetRequiredValue(models), extractor.Read(parsed), folder, parsed.GetValue(every),
                    parsed.GetValue(json), cancellation);
                byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(report, CliJson.Default.PaperReport);
                AtomicFile.Write(Path.Combine(folder, "report.json"), bytes);
                PaperPages.WriteHtml(Path.Combine(folder, "report.html"), report);
                if (markdown is not null)
                    AtomicFile.Write(Path.Combine(FolderOf(markdown), Path.GetFileName(Path.GetFullPath(folder)) + ".json"), bytes);
                if (parsed.GetValue(json)) CliJson.WriteLine(report, CliJson.Default.PaperReport);
                else
                {
                    PaperPages.Print(report);
                    Console.WriteLine($"report: {Path.Combine(folder, "report.html")}");
                }
            }
            if (markdown is not null)
                AtomicFile.Write(markdown, Encoding.UTF8.GetBytes(PaperPages.Markdown(ReadAll(FolderOf(markdown)),
                    Path.GetFileNameWithoutExtension(markdown))));
            return 0;
        });
        return command;
    }

    private static async Task<PaperReport> RunAsync(PaperSet[] sets, string[] models, ExtractorSettings settings, string folder, int every,
        bool quiet, CancellationToken cancellation)
    {
        Engines[] engines = [.. models.Select(Resolve).OfType<string>().Select(m => new Engines(m, settings))];
        try
        {
            if (engines.Length == 0) throw new SpadeException(SpadeError.NotFound, "there is no model to measure with");
            string[] names = [.. engines.Select(e => e.Default.Extractor.Model.Name)];
            if (names.Distinct().Count() < names.Length)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"two models have the same name ({string.Join(", ", names)}): change the name in one model.json");
            var results = await ProgressBars.RunAsync(quiet, progress => new Reproduction(
                new PaperResults(Path.Combine(folder, "results")), folder, progress, Say).RunAsync(sets, engines, every, cancellation));
            return new PaperReport(PaperTables.Of(results), Published.Sources, results);
        }
        finally
        {
            foreach (var e in engines) e.Dispose();
        }

        // A terminal has a bar instead.
        void Say(string line)
        {
            if (quiet || Console.IsErrorRedirected) Console.Error.WriteLine($"spade: {line}");
        }
    }

    /// <summary>A built-in model's name or a folder; null if the paper's model is absent, after saying where it is.</summary>
    private static string? Resolve(string model)
    {
        string named = Path.Combine(Engines.ModelsFolder, model);
        if (!Directory.Exists(model) && Directory.Exists(named)) return named;
        if (model != PaperModel || Directory.Exists(model)) return model;
        Console.Error.WriteLine($"spade: going on without {PaperModel}, the paper's model, which is not in {named}. To have it: curl -O "
            + $"https://download.pytorch.org/models/{PaperWeights} && spade model import {PaperModel} --weights {PaperWeights} --out "
            + named);
        return null;
    }

    private static string FolderOf(string page) => Path.ChangeExtension(Path.GetFullPath(page), null);

    private static IReadOnlyList<PaperResult> ReadAll(string folder)
    {
        if (!Directory.Exists(folder)) throw new SpadeException(SpadeError.NotFound, $"no folder '{folder}' with results");
        return [.. Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal).SelectMany(file =>
        {
            try
            {
                return JsonSerializer.Deserialize(File.ReadAllBytes(file), CliJson.Default.PaperReport)!.Results;
            }
            catch (JsonException e)
            {
                throw new SpadeException(SpadeError.InvalidArgument, $"{file} is not a report.json of 'spade reproduce': {e.Message}", e);
            }
        })];
    }
}
