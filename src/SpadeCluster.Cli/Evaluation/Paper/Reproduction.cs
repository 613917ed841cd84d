using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Commands;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation.Video;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>Measures data sets with models in all settings of the paper's tables, and keeps each result at once.</summary>
/// <param name="results">Results that are there are not measured again.</param>
/// <param name="folder">For the galleries of clips, which are deleted afterwards.</param>
/// <param name="say">Gets a line for each result that was measured.</param>
internal sealed class Reproduction(PaperResults results, string folder, ProgressReport progress, Action<string> say)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _total, _done, _measured;

    /// <returns>All results, old and new, in the order of sets, categories, models and settings.</returns>
    /// <exception cref="SpadeException">As those of the models, data sets and results.</exception>
    public async Task<IReadOnlyList<PaperResult>> RunAsync(IReadOnlyList<PaperSet> sets, IReadOnlyList<Engines> models, int every,
        CancellationToken cancellationToken)
    {
        var all = new List<PaperResult>();
        _total = sets.Sum(s => models.Sum(m => s.Clips is null
            ? s.Categories.Count * PaperSetting.All(m.Default.Extractor.Model.Levels.Count).Count : 1));
        foreach (var set in sets)
        {
            foreach (var category in set.Categories)
                foreach (var engines in models)
                    all.AddRange(await MeasureAsync(set, category, engines, cancellationToken));
            if (set.Clips is not { } clips) continue;
            foreach (var engines in models) all.Add(await MeasureAsync(set, clips, engines, every, cancellationToken));
        }
        return all;
    }

    private async Task<IReadOnlyList<PaperResult>> MeasureAsync(PaperSet set, InspectionDataset category, Engines engines,
        CancellationToken cancellationToken)
    {
        var model = engines.Default.Extractor.Model;
        var known = Known(set, category.Name, model, set.DigestOf(category));
        var settings = PaperSetting.All(model.Levels.Count);
        var found = settings.Select(s => results.Find(known.Set, known.Category, s.Name, model.Name, model.Digest, known.Data)).ToArray();
        Found(found.Count(f => f is not null));
        using var paper = settings.Where((s, i) => s.K is not null && found[i] is null).Any()
            ? await CategoryMeasurement.PrepareAsync(category, AsPaper(engines), progress, cancellationToken) : null;
        for (int i = 0; i < found.Length; i++)
            found[i] ??= Keep(settings[i].K is null
                ? await WithDefaultsAsync(category, engines, known, cancellationToken)
                : await paper!.MeasureAsync(settings[i], known, progress, cancellationToken));
        return found!;
    }

    private async Task<PaperResult> MeasureAsync(PaperSet set, VideoDataset clips, Engines engines, int every,
        CancellationToken cancellationToken)
    {
        var model = engines.Default.Extractor.Model;
        var known = Known(set, clips.Name, model, set.DigestOf(clips));
        if (results.Find(known.Set, known.Category, known.Setting, model.Name, model.Digest, known.Data) is { } found)
        {
            Found(1);
            return found;
        }
        var recipe = Recipe.Parse("paper")[0];
        Directory.CreateDirectory(folder);
        var figures = await VideoEvaluation.RunAsync(clips, every, folder, AsPaper(engines), new NewCategory(), recipe, progress,
            cancellationToken);
        return Keep(known with
        {
            Preprocessing = figures.Preprocessing,
            Levels = [.. model.Levels.Select(l => l.ToString())],
            GateK = Math.Min(recipe.Options.GateNeighbours, figures.Train),
            GalleryK = Math.Min(recipe.Options.GateNeighbours, figures.Train),
            Train = figures.Train,
            Test = figures.Frames,
            Clips = figures.Clips,
            Every = every,
            ImageAurocGate = figures.FrameAurocGate,
            ImageAuroc = figures.FrameAuroc,
            PixelAuroc = figures.PixelAuroc,
        });
    }

    /// <summary>The program's default settings, as 'spade evaluate' has them.</summary>
    private async Task<PaperResult> WithDefaultsAsync(InspectionDataset category, Engines engines, PaperResult known,
        CancellationToken cancellationToken)
    {
        var recipe = Recipe.Parse("spade")[0].FittedTo(category.Train.Count);
        var figures = (await Evaluator.RunAsync(category, new InMemoryGalleryStore(),
            engines.Preparing(m => GeometryOptions.Choose(m, category.Train)), new NewCategory(), recipe, 1, progress, cancellationToken))
            .Figures;
        return known with
        {
            Setting = PaperSetting.Default.Name,
            Preprocessing = figures.Preprocessing,
            Levels = [.. engines.Default.Extractor.Model.Levels.Select(l => l.ToString())],
            GateK = figures.GateK,
            GalleryK = figures.GalleryK,
            Train = figures.Train,
            Test = figures.Test,
            ImageAurocGate = figures.ImageAurocGate,
            ImageAuroc = figures.ImageAurocMapTop1,
            PixelAuroc = figures.PixelAuroc,
            Pro30 = figures.Pro30,
            Problems = figures.Problems,
        };
    }

    /// <summary>The paper's geometry: shorter side 256, centre crop 224; for other inputs in proportion.</summary>
    private static Engines AsPaper(Engines engines) => engines.Preparing(m => Preprocessing.ShorterSideCrop(
        (int)Math.Round(Math.Max(m.InputWidth, m.InputHeight) * 256 / 224.0), m.InputWidth, m.InputHeight).ToString());

    private void Found(int count)
    {
        _done += count;
        progress("results", _done, _total);
    }

    private PaperResult Keep(PaperResult result)
    {
        results.Write(result);
        _measured++;
        Found(1);
        double seconds = _clock.Elapsed.TotalSeconds / _measured * (_total - _done);
        string left = seconds < 90 ? $"{seconds:0} s" : seconds < 5400 ? $"{seconds / 60:0} minutes" : $"{seconds / 3600:0.0} hours";
        string name = result.Category == result.Set ? result.Set : $"{result.Set}/{result.Category}";
        say(string.Create(CultureInfo.InvariantCulture,
            $"{name}, {result.Model}, {result.Setting}: {_done} of {_total} results, about {left} left"));
        return result;
    }

    private static PaperResult Known(PaperSet set, string category, FeatureModel model, string data)
    {
        string version = typeof(Reproduction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        return new PaperResult
        {
            Set = set.Name,
            Category = category,
            Setting = PaperSetting.Paper.Name,
            Model = model.Name,
            ModelDigest = model.Digest,
            Data = data,
            Preprocessing = "",
            Levels = [],
            GateK = 0,
            GalleryK = 0,
            Train = 0,
            Test = 0,
            Version = version.Split('+')[0], // what follows names a commit of a build
            Runtime = $"{RuntimeInformation.FrameworkDescription}, ONNX Runtime {OnnxRuntimeExtractor.RuntimeVersion}",
            Machine = Machine.Describe(),
            Date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        };
    }
}
