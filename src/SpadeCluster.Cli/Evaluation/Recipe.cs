using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>A named method, for comparisons on a data set.</summary>
/// <param name="Options">The method's settings; options of the command line replace them.</param>
/// <param name="Preprocessing">Geometry of the photographs; null: stretched to the model's input.</param>
internal sealed record Recipe(string Name, ScoringOptions Options, Preprocessing? Preprocessing = null)
{
    public const string Plain = "plain", PatchCore = "patchcore";

    public static IReadOnlyList<string> Names { get; } = ["spade", Plain, "paper", PatchCore];

    public const string Description =
        "The method, or several to compare, separated by commas. spade: the default settings; plain: plain distances, conformal "
        + "thresholds, whole photographs; paper: SPADE exactly as published (shorter side 256, centre crop 224, gate K 50, gallery K 50, "
        + "kappa 1, gate policy gate); patchcore: PatchCore; it uses no tiles, and neither do recipes that are compared with it. "
        + "Other options change settings of the recipes.";

    /// <summary>Reduces the paper's gate K of 50 to the size of a smaller set.</summary>
    public Recipe FittedTo(int normals)
        => Preprocessing is null
        ? this : this with { Options = Options with { GateNeighbours = Math.Min(Options.GateNeighbours, normals) } };

    /// <summary>The problem of a list of recipes; null: none.</summary>
    public static string? Problem(string names)
    {
        string[] parts = Split(names);
        return Array.Find(parts, p => Find(p) is null) is { } unknown
            ? $"there is no recipe '{unknown}': choose from {string.Join(", ", Names)}"
            : parts.Distinct().Count() < parts.Length ? $"'{names}' names a recipe twice: name each once" : null;
    }

    /// <param name="names">Without a <see cref="Problem"/>.</param>
    public static IReadOnlyList<Recipe> Parse(string names) => [.. Split(names).Select(n => Find(n)!)];

    private static string[] Split(string names) => names.Split(',', StringSplitOptions.TrimEntries);

    private static Recipe? Find(string name) => name switch
    {
        "spade" or "default" => new("spade", ScoringOptions.Default),
        Plain => new(name, new ScoringOptions()),
        "paper" => new(name, new ScoringOptions { GateNeighbours = 50, GatePolicy = GatePolicy.Gate }, Preprocessing.Paper),
        PatchCore => new(name, ScoringOptions.Default),
        _ => null,
    };
}
