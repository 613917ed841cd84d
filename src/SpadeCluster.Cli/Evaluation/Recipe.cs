using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Evaluation;

/// <summary>A method by name, to be compared with others on one data set.</summary>
/// <param name="Options">What the method is; options of the command line change what they name.</param>
/// <param name="Preprocessing">Geometry of the photographs; null: stretched to the model's input.</param>
internal sealed record Recipe(string Name, ScoringOptions Options, Preprocessing? Preprocessing = null)
{
    public const string Plain = "plain", PatchCore = "patchcore";

    public static IReadOnlyList<string> Names { get; } = ["spade", Plain, "paper", PatchCore];

    public const string Description =
        "The method, or several to compare, separated by commas. spade: the default settings; plain: distances as they are, conformal "
        + "thresholds, whole photographs; paper: SPADE to the letter (shorter side 256, centre crop 224, gate K 50, gallery K 50, "
        + "kappa 1, gate policy gate); patchcore: PatchCore; it knows no tiles, so nothing beside it is cut into any. "
        + "Options beside it change what they name.";

    /// <summary>The paper's gate K of 50 on a smaller set means all of it.</summary>
    public Recipe FittedTo(int normals)
        => Preprocessing is null
        ? this : this with { Options = Options with { GateNeighbours = Math.Min(Options.GateNeighbours, normals) } };

    /// <summary>What is wrong with a list of recipes; null: nothing.</summary>
    public static string? Problem(string names)
    {
        string[] parts = Split(names);
        return Array.Find(parts, p => Find(p) is null) is { } unknown
            ? $"there is no recipe '{unknown}': choose of {string.Join(", ", Names)}"
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
