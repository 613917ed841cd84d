using System.Globalization;
using System.Net;
using System.Text;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>One self-contained page: figures, curves, and every test image, the worst mistakes first.</summary>
internal static class HtmlReport
{
    /// <summary>Highest number of pixels of a map's longer side, and of its bytes.</summary>
    private const int LargestMap = 640, MapBytes = 40_000;

    private const string Opacity =
        "<label>map opacity <input type='range' min='0' max='1' step='0.05' value='0.8'></label>";

    private const string Zoom = "<p class='zoom'><button data-zoom='in' aria-label='zoom in'>+</button> <button data-zoom='out' "
        + "aria-label='zoom out'>&minus;</button> <button data-zoom='fit'>All of it</button></p>";

    /// <summary>One card's pictures, large; the script fills it.</summary>
    private const string Large = "<dialog><form method='dialog'><h2></h2><button>Close</button></form><p></p><div class='panes'>"
        + $"<div><svg tabindex='0' role='img' aria-label='photograph and map'></svg>{Zoom}</div>"
        + $"<div><svg tabindex='0' role='img' aria-label='matched normal'></svg>{Zoom}</div></div>"
        + "<p class='evidence'></p><p class='keys'>Wheel, + and - zoom; drag and arrow keys move; 0 shows all of it.</p>" + Opacity
        + "</dialog>";

    public static void Write(string path, IReadOnlyList<EvaluatedCategory> categories)
    {
        var page = new StringBuilder(1 << 20);
        string title = string.Join(", ", categories.Select(c => c.Figures.Dataset).Distinct());
        page.Append("<!doctype html><html lang='en'><meta charset='utf-8'>")
            .Append("<meta name='viewport' content='width=device-width,initial-scale=1'>")
            .Append($"<title>SpadeCluster - {Html(title)}</title><style>{Style.Css}</style><body><header><h1>{Html(title)}</h1>")
            .Append($"{Opacity}</header><main>");
        var photographs = new Photographs(categories.SelectMany(c => c.Images.Select(i => i.Test.Path).Concat(c.NormalFiles.Values))
            .Distinct().Count());
        if (categories.Count > 1) RecipeTable.Write(page, [.. categories.Select(c => c.Figures)]);
        for (int i = 0; i < categories.Count; i++) WriteCategory(page, categories[i], i, photographs);
        page.Append("</main>").Append(Large).Append(photographs.Symbols)
            .Append($"<script type='module'>{Script("viewer.js")}{Script("report.js")}</script></body></html>");
        Save(path, page);
    }

    public static void Save(string path, StringBuilder page) => AtomicFile.Write(path, Encoding.UTF8.GetBytes(page.ToString()));

    private static void WriteCategory(StringBuilder page, EvaluatedCategory category, int index, Photographs photographs)
    {
        var f = category.Figures;
        string rate = f.PromisedFalseRejectRate.ToString("0.####", CultureInfo.InvariantCulture);
        string settings = $"{f.Train} normals, {f.Test} test images; model {f.Model}; {f.Preprocessing}; {f.Method}; false-reject rate "
            + $"promised {rate}";
        page.Append($"<section id='s{index}'><h2>{Html(f.Dataset)}, {f.Recipe}</h2><p class='settings'>{Html(settings)}</p><div "
            + $"class='figures'>");
        foreach (var (name, value) in new (string, double?)[]
        {
            ("image AUROC", f.ImageAurocMapTop1), ("by gate", f.ImageAurocGate), ("by map maximum", f.ImageAurocMapMax),
            ("image AUPR", f.ImageAupr), ("best F1", f.ImageBestF1),
            ("pixel AUROC", f.PixelAuroc), ("PRO@0.3", f.Pro30), ("PRO@0.05", f.Pro05),
            ("AUPIMO", f.Aupimo), ("SegF1", f.SegF1), ("pixel best F1", f.PixelBestF1),
            ("false rejects", f.FalseRejectRate), ("misses", f.MissRate), ("s per image", f.SecondsPerImage.Total),
        })
            page.Append($"<div><b>{value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-"}</b><span>{name}</span></div>");
        page.Append("</div>");
        foreach (string problem in f.Problems) page.Append($"<p class='problem'>{Html(problem)}</p>");
        WriteCharts(page, category);
        page.Append("<div class='cards'>");
        foreach (var image in WorstFirst(category)) WriteCard(page, category, image, photographs);
        page.Append("</div></section>");
    }

    private static void WriteCharts(StringBuilder page, EvaluatedCategory category)
    {
        bool[] truth = [.. category.Images.Select(i => i.Test.Anomalous)];
        IReadOnlyList<(double, double)> Roc(Func<EvaluatedImage, double> score) =>
            new RankedScores([.. category.Images.Select(i => (float)score(i))], truth).RocCurve();
        double[] Scores(bool anomalous, Func<EvaluatedImage, double> score) =>
            [.. category.Images.Where(i => i.Test.Anomalous == anomalous).Select(score)];
        bool gated = category.Figures.ImageAurocGate is not null;
        var curves = new List<(string, IReadOnlyList<(double, double)>)> { ("score", Roc(i => i.Score)) };
        if (gated) curves.Add(("gate", Roc(i => i.Result.GateDistance)));
        page.Append("<div class='charts'>")
            .Append(Svg.Chart("Image ROC", "false-positive rate", "true-positive rate", 1, curves))
            .Append(Svg.Chart("Per-region overlap", "false-positive rate of pixels", "mean overlap", PixelMeasures.ProLimit,
                ("PRO", category.OverlapCurve)))
            .Append(Svg.Histogram("Scores", Scores(false, i => i.Score), Scores(true, i => i.Score),
                category.Calibration.Theta, "theta"))
            .Append(!gated ? "" : Svg.Histogram("Gate distances", Scores(false, i => i.Result.GateDistance),
                Scores(true, i => i.Result.GateDistance), category.Calibration.Tau, "tau"))
            .Append("</div><p class='legend'><i class='good'></i> good <i class='defect'></i> defective <i class='truth'></i> true mask "
            + "<i class='found'></i> above theta</p>");
    }

    /// <summary>Mistakes first, the largest distance from the threshold first; then the others, the smallest distance first.</summary>
    private static IEnumerable<EvaluatedImage> WorstFirst(EvaluatedCategory category)
        => category.Images.OrderByDescending(i => i.Mistaken)
        .ThenByDescending(i => (i.Test.Anomalous ? -1 : 1) * (i.Score - category.Calibration.Theta));

    private static void WriteCard(StringBuilder page, EvaluatedCategory category, EvaluatedImage image, Photographs photographs)
    {
        var map = image.Result.Map!;
        var calibration = category.Calibration;
        var preprocessing = Preprocessing.Parse(category.Figures.Preprocessing);
        float[] shown = [.. map.Values.Select(v => (float)calibration.Normalise(v))];
        string colours = Photographs.Jpeg(Overlay.Render(shown, map.Width, map.Height, ColorMap.Inferno), MapBytes, LargestMap);
        int peak = Array.IndexOf(map.Values, map.Values.Max());
        var evidence = image.Result.EvidenceAt(peak % map.Width, peak / map.Width)!;
        string verdict = image.PredictedAnomalous ? "defect" : image.Result.Verdict == Verdict.Review ? "review" : "good";
        string file = Path.GetRelativePath(Path.Combine(image.Test.Path, "..", ".."), image.Test.Path);
        string mistake = image.Mistaken ? $" - but the part {(image.Test.Anomalous ? "has a defect" : "is good")}" : "";
        string score = $"score {N(image.Result.NormalisedScore!.Value, "0.00")} (raw {N(image.Score, "G4")}, "
            + $"theta {N(calibration.Theta, "G4")})";
        string photograph = photographs.Show(image.Test.Path, preprocessing);
        string truth = image.Mask is null ? "" : $"<path class='truth' d='{MaskOutline.Path(image.Mask, map.Width)}'/>";
        string found = !image.PredictedAnomalous ? ""
            : $"<path class='found' d='{MaskOutline.Path(map.Above(calibration.Theta), map.Width)}'/>";
        string normalFile = category.NormalFiles[evidence.Image], normal = photographs.Show(normalFile, preprocessing);
        var (width, height) = photographs.Size(normalFile, preprocessing);
        string coloured = $"<image class='map' href='{colours}' width='{map.Width}' height='{map.Height}' preserveAspectRatio='none'/>";
        string copy = evidence.Orientation.Word() is { } word ? $"the {word} copy of " : "";
        page.Append($"<article class='{(image.Mistaken ? "wrong" : "right")}'><h3>{Html(file)}</h3>")
            .Append($"<p><b>{verdict}</b>{mistake} <span>{score}</span></p><button class='views' aria-label='enlarge {Html(file)}'>")
            .Append(View("photograph", map.Width, map.Height, photograph, found, truth))
            .Append(View("anomaly map", map.Width, map.Height, photograph, coloured, truth,
                Mark(map.Width, peak % map.Width + 0.5, peak / map.Width + 0.5)))
            .Append(View("matched normal", width, height, normal, Mark(map.Width, evidence.X, evidence.Y)))
            .Append($"</button><p class='evidence'>peak matched in {copy}{Html(Path.GetFileName(normalFile))}</p></article>");
    }

    private static string View(string name, int width, int height, params IEnumerable<string> layers)
        => $"<svg role='img' aria-label='{name}' viewBox='0 0 {width} {height}'>{string.Concat(layers)}</svg>";

    private static string Mark(int width, double x, double y)
        => $"<circle class='mark' cx='{N(x, "0.#")}' cy='{N(y, "0.#")}' r='{N(width / 45.0, "0.#")}'/>";

    private static string Script(string name)
    {
        using var stream = new StreamReader(typeof(HtmlReport).Assembly.GetManifestResourceStream(name)!);
        return stream.ReadToEnd();
    }

    private static string N(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
    private static string Html(string text) => WebUtility.HtmlEncode(text);
}
