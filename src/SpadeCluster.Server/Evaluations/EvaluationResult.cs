using System.Text.Json.Serialization;
using SpadeCluster.Evaluation;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Evaluations;

/// <summary>A test set scored by the version that decides, so far or at the end.</summary>
/// <param name="Done">Photographs that were looked at.</param>
/// <param name="Of">All photographs of the set.</param>
/// <param name="Normals">Photographs that were left out: normals of the version, which would match themselves.</param>
/// <param name="Theta">The threshold for defects, in units of raw scores.</param>
/// <param name="Kinds">Verdicts of the good parts and of each kind of defect.</param>
/// <param name="GoodScores">Raw scores of the good parts.</param>
/// <param name="DefectScores">Raw scores of the defects.</param>
/// <param name="Mistakes">The first defects with the verdict good, and good parts with another one; at most
/// <see cref="MaxMistakes"/> of each.</param>
/// <param name="Problems">Files that could not be used, one sentence each.</param>
/// <param name="Figures">Null until the end.</param>
/// <param name="Problem">Why it ended early; null: it did not.</param>
public sealed record EvaluationResult(string Category, int Version, string Model, DateTimeOffset Time, double Theta, int Done, int Of,
    int Normals, IReadOnlyList<CountedName> Kinds, IReadOnlyList<double> GoodScores, IReadOnlyList<double> DefectScores,
    IReadOnlyList<EvaluatedPart> Mistakes, IReadOnlyList<string> Problems, EvaluationFigures? Figures = null, string? Problem = null)
{
    /// <summary>Bounds the memory of a result's pictures.</summary>
    public const int MaxMistakes = 24;

    public bool Running => Problem is null && Figures is null;

    /// <summary>Good parts that were scored, and those of them with the verdict review or defect.</summary>
    public int Good => GoodScores.Count;
    public int FalseRejects => (int)Kinds.Where(k => k.Name == TestImage.Good).Sum(k => k.Counts.Review + k.Counts.Defect);

    /// <summary>Defects that were scored, and those of them with the verdict good.</summary>
    public int Defects => DefectScores.Count;
    public int Misses => (int)Kinds.Where(k => k.Name != TestImage.Good).Sum(k => k.Counts.Good);

    /// <summary>The same with a photograph more.</summary>
    public EvaluationResult With(EvaluatedPart part, double score)
    {
        var counts = Kinds.FirstOrDefault(k => k.Name == part.Kind)?.Counts ?? new VerdictCounts(0, 0, 0, 0);
        return this with
        {
            Done = Done + 1,
            // Good parts first.
            Kinds = [.. Kinds.Where(k => k.Name != part.Kind).Append(new CountedName(part.Kind, counts.Add(part.Verdict, 1)))
                .OrderBy(k => k.Name != TestImage.Good).ThenBy(k => k.Name, StringComparer.Ordinal)],
            GoodScores = part.Good ? [.. GoodScores, score] : GoodScores,
            DefectScores = part.Good ? DefectScores : [.. DefectScores, score],
            Mistakes = part.Mistaken && Mistakes.Count(m => m.Good == part.Good) < MaxMistakes ? [.. Mistakes, part] : Mistakes,
        };
    }
}

/// <summary>A photograph of a test set with its verdict.</summary>
/// <param name="Kind">"good", or the defect's name.</param>
/// <param name="Score">Normalised: 0.5 is the threshold for defects.</param>
public sealed record EvaluatedPart(string Name, string Kind, string Verdict, double Score)
{
    [JsonIgnore] public bool Good => Kind == TestImage.Good;

    /// <summary>A defect with the verdict good, or a good part with another one.</summary>
    [JsonIgnore] public bool Mistaken => Good != (Verdict == "good");

    /// <summary>The photograph with its map, JPEG; empty for a part that is not mistaken.</summary>
    [JsonIgnore] public byte[] Picture { get; init; } = [];
}

/// <summary>The measures of a test set; null: not defined, as without defects or without masks.</summary>
/// <param name="ImageAuroc">Area under the ROC curve of the photographs, by raw score.</param>
/// <param name="PixelAuroc">The same of the pixels, over good parts and defects with a mask.</param>
/// <param name="Pro30">Per-region overlap up to a false-positive rate of 0.3 (AU-PRO).</param>
/// <param name="Masks">Defects with a mask.</param>
public sealed record EvaluationFigures(double? ImageAuroc, double? PixelAuroc, [property: JsonPropertyName("pro_30")] double? Pro30,
    int Masks);
