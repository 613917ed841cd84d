using System.Globalization;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>Settings with which a category is measured: the paper's, those of its ablations, or the program's defaults.</summary>
/// <param name="Name">Also part of file names.</param>
/// <param name="K">Nearest normals of the gate and of the pixel search; null: the program's defaults.</param>
/// <param name="Levels">Pyramid levels used, 0 the finest; null: all.</param>
internal sealed record PaperSetting(string Name, int? K, IReadOnlyList<int>? Levels = null)
{
    private const int PaperK = 50;
    private static readonly int[] FewerK = [1, 3, 5, 10];

    public static PaperSetting Paper { get; } = new("paper", PaperK);
    public static PaperSetting Default { get; } = new("default", null);

    /// <summary>The ablation over K, the paper's last.</summary>
    public static IReadOnlyList<PaperSetting> Neighbours { get; } =
        [.. FewerK.Select(k => new PaperSetting(string.Create(CultureInfo.InvariantCulture, $"k{k}"), k)), Paper];

    /// <summary>The ablation over a pyramid's levels: each alone, then the coarsest two, three and so on; all is the paper's.</summary>
    public static IReadOnlyList<PaperSetting> Pyramids(int levels)
    {
        var parts = Enumerable.Range(0, levels).Reverse().Select(l => new[] { l })
            .Concat(Enumerable.Range(2, Math.Max(0, levels - 2)).Select(n => Enumerable.Range(levels - n, n).ToArray()));
        return [.. levels == 1 ? [] : parts.Select(p => new PaperSetting($"levels-{string.Join('-', p.Select(l => l + 1))}", PaperK, p)),
            Paper];
    }

    /// <summary>All of them, each once.</summary>
    public static IReadOnlyList<PaperSetting> All(int levels) => [.. Neighbours.Concat(Pyramids(levels)).Append(Default).Distinct()];

    /// <param name="normals">K is at most this.</param>
    public ScoringOptions OptionsFor(int normals)
    {
        int k = Math.Min(K ?? PaperK, normals);
        return new ScoringOptions { GateNeighbours = k, GalleryNeighbours = k, Levels = Levels };
    }
}
