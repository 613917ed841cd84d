namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>A figure of a table, between 0 and 1.</summary>
/// <param name="Difference">From the paper's figure of the row or, where it has none, from the other implementation's; null: neither is
/// known, or the figure is a published one.</param>
internal sealed record PaperFigure(double Value, double? Difference = null)
{
    /// <summary>Differences above this are marked.</summary>
    public const double Marked = 0.01;
}

/// <param name="Figures">One for each column; null: not known, or not measured.</param>
internal sealed record PaperRow(string Name, IReadOnlyList<PaperFigure?> Figures);

/// <summary>A table of the paper: published figures in the first two columns, then the models.</summary>
internal sealed record PaperTable(string Title, IReadOnlyList<string> Columns, IReadOnlyList<PaperRow> Rows);

/// <summary>The paper's tables from results.</summary>
internal static class PaperTables
{
    /// <summary>A row before it is a row of figures.</summary>
    /// <param name="Paper">The paper's figure in percent, and the other implementation's; null: not known.</param>
    /// <param name="Of">The figure with a model and, for tables of categories, a setting; null: none.</param>
    private sealed record Row(string Name, Func<Column, double?> Of, double? Paper = null, double? Other = null);

    private sealed record Column(string Model, PaperSetting Setting);

    public static IReadOnlyList<PaperTable> Of(IReadOnlyList<PaperResult> results)
        => [.. results.GroupBy(r => r.Set).SelectMany(set => set.First().Clips is null ? Photographs([.. set]) : [Clips([.. set])])];

    private static IEnumerable<PaperTable> Photographs(PaperResult[] results)
    {
        string set = results[0].Set;
        string[] categories = [.. results.Select(r => r.Category).Distinct()];
        string[] models = [.. results.Select(r => r.Model).Distinct()];
        Column[] main = [.. models.SelectMany(m => new[] { new Column(m, PaperSetting.Paper), new Column(m, PaperSetting.Default) })];
        Column[] ablation = [.. models.Select(m => new Column(m, PaperSetting.Paper))];
        // Published means are those of all of MVTec AD's categories.
        bool whole = Published.Mvtec.All(c => results.Any(r => Published.Find(r) == c)) && categories.Length == Published.Mvtec.Count;

        PaperResult? Find(string category, string model, PaperSetting setting)
            => results.FirstOrDefault(r => (r.Category, r.Model, r.Setting) == (category, model, setting.Name));
        double? Mean(string model, PaperSetting setting, Func<PaperResult, double?> figure)
            => Find(categories[0], model, setting) is null ? null
                : categories.Select(c => Find(c, model, setting) is { } r ? figure(r) : null).Average();
        PaperTable ByCategory(string title, Func<PaperResult, double?> figure, Func<PublishedCategory, double?> paper,
            Func<PublishedCategory, double?> other, double paperMean, double? otherMean)
            => Table($"{set}: {title}", main, c => c.Setting == PaperSetting.Default ? $"{c.Model}, default settings" : c.Model,
                [.. categories.Select(category =>
                {
                    var published = Published.Find(results.First(r => r.Category == category));
                    return new Row(category, c => Find(category, c.Model, c.Setting) is { } r ? figure(r) : null,
                        published is null ? null : paper(published), published is null ? null : other(published));
                }),
                new Row("mean", c => Mean(c.Model, c.Setting, figure), whole ? paperMean : null, whole ? otherMean : null)]);
        PaperTable BySetting(string title, IEnumerable<PaperSetting> settings, Func<PaperSetting, string> name,
            Func<PaperResult, double?> figure)
            => Table($"{set}: {title}", ablation, c => c.Model,
                [.. settings.Select(s => new Row(name(s), c => Mean(c.Model, s, figure)))]);

        // The paper's image score is the gate's distance; the default settings' is the map's.
        yield return ByCategory("image ROC AUC",
            r => r.Setting == PaperSetting.Default.Name ? r.ImageAuroc : r.ImageAurocGate,
            _ => null, c => c.OtherImage, Published.ImageMean, Published.OtherImageMean);
        yield return ByCategory("pixel ROC AUC", r => r.PixelAuroc, c => c.PaperPixel, c => c.OtherPixel, Published.PixelMean,
            Published.OtherPixelMean);
        yield return ByCategory("PRO up to 0.3", r => r.Pro30, _ => null, _ => null, Published.ProMean, null);
        var pyramids = PaperSetting.Pyramids(models.Max(m => results.Where(r => r.Model == m).Max(r => r.Levels.Count)));
        string Levels(PaperSetting s) => s.Levels is null ? "all levels"
            : $"level{(s.Levels.Count > 1 ? "s" : "")} {string.Join(", ", s.Levels.Select(l => l + 1))}";
        yield return BySetting("pyramid levels (1 the finest), mean pixel ROC AUC", pyramids, Levels, r => r.PixelAuroc);
        yield return BySetting("pyramid levels (1 the finest), mean PRO", pyramids, Levels, r => r.Pro30);
        string K(PaperSetting s) => $"K {s.K}";
        yield return BySetting("K, mean image ROC AUC", PaperSetting.Neighbours, K, r => r.ImageAurocGate);
        yield return BySetting("K, mean pixel ROC AUC", PaperSetting.Neighbours, K, r => r.PixelAuroc);
        yield return BySetting("K, mean PRO", PaperSetting.Neighbours, K, r => r.Pro30);
    }

    private static PaperTable Clips(PaperResult[] results)
        => Table($"{results[0].Set}: clips", [.. results.Select(r => new Column(r.Model, PaperSetting.Paper))], c => c.Model,
            [
                // The published figure is that of all test clips of ShanghaiTech Campus.
                new Row("frame ROC AUC", c => results.First(r => r.Model == c.Model).ImageAurocGate,
                    results[0].Clips == Published.ShanghaiTechClips ? Published.ShanghaiTechFrames : null),
                new Row("pixel ROC AUC", c => results.First(r => r.Model == c.Model).PixelAuroc),
            ]);

    private static PaperTable Table(string title, IReadOnlyList<Column> columns, Func<Column, string> name, IReadOnlyList<Row> rows)
        => new(title, [Published.Paper, Published.Other, .. columns.Select(name)], [.. rows.Select(row =>
        {
            double? published = (row.Paper ?? row.Other) / 100;
            return new PaperRow(row.Name, [Share(row.Paper), Share(row.Other), .. columns.Select(c =>
                row.Of(c) is { } value ? new PaperFigure(value, value - published) : null)]);
        })]);

    private static PaperFigure? Share(double? percent) => percent is { } p ? new PaperFigure(p / 100) : null;
}
