using System.Text.Json.Serialization;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Comparison;

/// <summary>Two versions, of one category or of two, over the same photographs, so far or at the end.</summary>
/// <param name="Category">Of version A and, unless they were sent, of the photographs.</param>
/// <param name="CategoryB">Of version B.</param>
/// <param name="Sent">Whether the photographs are a test set that a person sent; otherwise they are those of the last decisions.</param>
/// <param name="Done">Photographs that were looked at.</param>
/// <param name="Of">All photographs of the comparison.</param>
/// <param name="Normals">Photographs that were left out: normals of one of the versions, which would match themselves.</param>
/// <param name="Failed">Photographs that a version could not score, or that are no longer kept.</param>
/// <param name="Verdicts">How many photographs have each pair of verdicts.</param>
/// <param name="Known">Against what people reported, or against the test set's labels.</param>
/// <param name="Changed">Photographs whose verdict differs, the newest first; at most <see cref="VersionComparison.MaxChanged"/>.</param>
/// <param name="Problem">Why it ended early; null: it did not.</param>
public sealed record ComparisonResult(string Category, int A, string CategoryB, int B, bool Sent, int Done, int Of, int Normals,
    int Failed, IReadOnlyList<VerdictPair> Verdicts, KnownParts Known, IReadOnlyList<ChangedPart> Changed, string? Problem = null)
{
    /// <summary>Photographs that both versions scored.</summary>
    public int Compared => Verdicts.Sum(v => v.Count);

    public bool Running => Problem is null && Done < Of;

    public static ComparisonResult Begin(GalleryManifest a, GalleryManifest b, bool sent, int of)
        => new(a.Category, a.Version, b.Category, b.Version, sent, 0, of, 0, 0, [], new KnownParts(0, 0, 0, 0, 0, 0), []);

    /// <summary>The same with one photograph more.</summary>
    public ComparisonResult With(ChangedPart part)
    {
        var known = part.Known switch
        {
            FeedbackKind.Defect => Known with
            {
                Defects = Known.Defects + 1,
                MissedByA = Known.MissedByA + (part.VerdictA == "good" ? 1 : 0),
                MissedByB = Known.MissedByB + (part.VerdictB == "good" ? 1 : 0),
            },
            FeedbackKind.Good => Known with
            {
                Good = Known.Good + 1,
                RejectedByA = Known.RejectedByA + (part.VerdictA == "good" ? 0 : 1),
                RejectedByB = Known.RejectedByB + (part.VerdictB == "good" ? 0 : 1),
            },
            _ => Known,
        };
        bool changed = part.VerdictA != part.VerdictB && Changed.Count < VersionComparison.MaxChanged;
        int same = Verdicts.FirstOrDefault(v => (v.A, v.B) == (part.VerdictA, part.VerdictB))?.Count ?? 0;
        return this with
        {
            Done = Done + 1,
            Known = known,
            Changed = changed ? [.. Changed, part] : Changed,
            Verdicts = [.. Verdicts.Where(v => (v.A, v.B) != (part.VerdictA, part.VerdictB)),
                new VerdictPair(part.VerdictA, part.VerdictB, same + 1)],
        };
    }
}

/// <summary>How many photographs have a verdict by version A and one by version B.</summary>
public sealed record VerdictPair(string A, string B, int Count);

/// <summary>Both versions against what is known: a known defect is missed if its verdict is good, a known good part is rejected if its
/// verdict is review or defect.</summary>
public sealed record KnownParts(int Defects, int MissedByA, int MissedByB, int Good, int RejectedByA, int RejectedByB);

/// <summary>A photograph by two versions.</summary>
/// <param name="Name">The photograph's file.</param>
/// <param name="Decision">The decision that it belongs to; null: it was sent for the comparison.</param>
/// <param name="Known">What people reported, or the test set's label.</param>
/// <param name="ScoreA">Normalised: 0.5 is the threshold for defects.</param>
public sealed record ChangedPart(string Name, long? Decision, string? SerialNumber, FeedbackKind? Known, string VerdictA, string VerdictB,
    double ScoreA, double ScoreB)
{
    /// <summary>The photograph with each version's map, JPEG.</summary>
    [JsonIgnore] public byte[] PictureA { get; init; } = [];
    [JsonIgnore] public byte[] PictureB { get; init; } = [];
}

/// <summary>A photograph to compare versions with.</summary>
/// <param name="Read">Reads its file. NotFound: it is no longer kept.</param>
internal sealed record ComparedPhotograph(string Name, long? Decision, string? SerialNumber, FeedbackKind? Known, Func<byte[]> Read);
