using System.Globalization;
using System.Net;
using System.Text;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>One self-contained page: figures, curves, and every test image, the worst mistakes first.</summary>
internal static class HtmlReport
{
    /// <summary>Highest number of pixels of an embedded picture's longer side.</summary>
    private const int LargestSide = 640;

    public static void Write(string path, IReadOnlyList<EvaluatedCategory> categories)
    {
        var page = new StringBuilder(1 << 20);
        string title = string.Join(", ", categories.Select(c => c.Figures.Dataset).Distinct());
        page.Append("<!doctype html><html lang='en'><meta charset='utf-8'>")
            .Append("<meta name='viewport' content='width=device-width,initial-scale=1'>")
            .Append($"<title>SpadeCluster - {Html(title)}</title><style>{Style.Css}</style><body><header><h1>{Html(title)}</h1>")
            .Append("<label>map opacity <input type='range' min='0' max='1' step='0.05' value='0.8' ")
            .Append("oninput=\"document.body.style.setProperty('--map',this.value)\"></label></header><main>");
        if (categories.Count > 1) RecipeTable.Write(page, [.. categories.Select(c => c.Figures)]);
        for (int i = 0; i < categories.Count; i++) WriteCategory(page, categories[i], i);
        page.Append("</main></body></html>");
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        string temporary = path + ".tmp";
        File.WriteAllText(temporary, page.ToString(), new UTF8Encoding(false));
        File.Move(temporary, path, overwrite: true);
    }

    private static void WriteCategory(StringBuilder page, EvaluatedCategory category, int index)
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
        var normals = new NormalPictures(category, index);
        foreach (var image in WorstFirst(category)) WriteCard(page, category, image, normals);
        page.Append("</div>").Append(normals.Style).Append("</section>");
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
            .Append(Svg.Chart("Per-region overlap", "false-positive rate of pixels", "mean overlap", Metrics.ProLimit,
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

    private static void WriteCard(StringBuilder page, EvaluatedCategory category, EvaluatedImage image, NormalPictures normals)
    {
        var map = image.Result.Map!;
        var calibration = category.Calibration;
        float[] shown = [.. map.Values.Select(v => (float)calibration.Normalise(v))];
        string input = Png(image.Input), colours = Png(Overlay.Render(shown, map.Width, map.Height, ColorMap.Inferno));
        string view = $"<div class='view' style='aspect-ratio:{map.Width}/{map.Height}'>";
        int peak = Array.IndexOf(map.Values, map.Values.Max());
        var evidence = image.Result.EvidenceAt(peak % map.Width, peak / map.Width)!;
        string verdict = image.PredictedAnomalous ? "defect" : image.Result.Verdict == Verdict.Review ? "review" : "good";
        string file = Path.GetRelativePath(Path.Combine(image.Test.Path, "..", ".."), image.Test.Path);
        string mistake = image.Mistaken ? $" - but the part {(image.Test.Anomalous ? "has a defect" : "is good")}" : "";
        string score = $"score {N(image.Result.NormalisedScore!.Value, "0.00")} (raw {N(image.Score, "G4")}, "
            + $"theta {N(calibration.Theta, "G4")})";
        string peakMark = Outlines(image, null, (peak % map.Width + 0.5, peak / map.Width + 0.5));
        string normal = $"<div class='normal {normals.ClassOf(evidence.Image)}' role='img' aria-label='matched normal'></div>";
        page.Append($"<article class='{(image.Mistaken ? "wrong" : "right")}' "
            + $"onclick='this.classList.toggle(`large`)'><h3>{Html(file)}</h3>")
            .Append($"<p><b>{verdict}</b>{mistake} <span>{score}</span></p><div class='views'>")
            .Append($"{view}<img src='{input}' alt='input'>{Outlines(image, map.Above(calibration.Theta), null)}</div>")
            .Append($"{view}<img src='{input}' alt=''><img class='map' src='{colours}' alt='anomaly map'>{peakMark}</div>")
            .Append($"{view}{normal}{Mark(map.Width, map.Height, evidence.X, evidence.Y)}</div></div>")
            .Append($"<p class='evidence'>peak matched in {Html(Path.GetFileName(category.NormalFiles[evidence.Image]))}</p></article>");
    }

    private static string Outlines(EvaluatedImage image, bool[]? found, (double X, double Y)? mark)
    {
        var map = image.Result.Map!;
        var svg = new StringBuilder($"<svg viewBox='0 0 {map.Width} {map.Height}' style='--unit:{N(map.Width / 224.0, "0.##")}px'>");
        if (found is not null && image.PredictedAnomalous) svg.Append($"<path class='found' d='{MaskOutline.Path(found, map.Width)}'/>");
        if (image.Mask is not null) svg.Append($"<path class='truth' d='{MaskOutline.Path(image.Mask, map.Width)}'/>");
        if (mark is { } m) svg.Append($"<circle class='mark' cx='{N(m.X, "0.#")}' cy='{N(m.Y, "0.#")}' r='{N(map.Width / 45.0, "0.#")}'/>");
        return svg.Append("</svg>").ToString();
    }

    private static string Mark(int width, int height, double x, double y)
        => $"<svg viewBox='0 0 {width} {height}'><circle class='mark' cx='{N(x, "0.#")}' cy='{N(y, "0.#")}' "
        + $"r='{N(width / 45.0, "0.#")}'/></svg>";

    /// <summary>An embedded picture; large ones are reduced, so that a browser can open a page of forty.</summary>
    private static string Png(RgbImage image)
    {
        return "data:image/png;base64," + Convert.ToBase64String(PngEncoder.Encode(Thumbnail.Within(image, LargestSide)));
    }

    private static string N(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
    private static string Html(string text) => WebUtility.HtmlEncode(text);

    /// <summary>Embeds each matched normal once, as a style class, for all images that matched it.</summary>
    /// <param name="index">Number of the section: recipes may prepare the same photograph differently.</param>
    private sealed class NormalPictures(EvaluatedCategory category, int index)
    {
        private readonly Dictionary<ImageId, string> _rules = [];
        private readonly ImagePreparer _preparer = new(Preprocessing.Parse(category.Figures.Preprocessing));

        public string Style => $"<style>{string.Concat(_rules.Values)}</style>";

        public string ClassOf(ImageId id)
        {
            string name = $"n{index}-{id}";
            if (!_rules.ContainsKey(id))
            {
                string file = category.NormalFiles[id];
                var input = _preparer.Prepare(ImageReader.ReadBytes(file, ImageLimits.Default), file).Input;
                _rules[id] = $".{name}{{background-image:url({Png(input)})}}";
            }
            return name;
        }
    }
}
