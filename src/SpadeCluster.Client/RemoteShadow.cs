namespace SpadeCluster.Client;

/// <summary>What a shadow version said about a photograph.</summary>
public sealed record RemoteShadowScore(int Version, string Verdict, double? PredScore, double? RawScore);

/// <summary>How many photographs had a pair of verdicts.</summary>
/// <param name="Verdict">Of the deciding version; null: it had no thresholds.</param>
/// <param name="ShadowVerdict">Of the shadow version.</param>
public sealed record RemoteShadowCount(string? Verdict, string ShadowVerdict, long Count);

/// <summary>A category's shadow version, which scores live photographs beside the version that decides, and how it compares.</summary>
/// <param name="Share">Of the photographs, above 0 and at most 1.</param>
/// <param name="Caller">Who began it.</param>
/// <param name="Images">Photographs that both versions scored.</param>
/// <param name="Differing">Those with different verdicts.</param>
/// <param name="Dropped">Photographs that the answering server did not score with it since the server's start, because it was
/// busy.</param>
/// <param name="Problem">Why a photograph could not be scored with it last; null: there was no problem.</param>
public sealed record RemoteShadow(string Category, int Version, double Share, DateTimeOffset Since, string Caller, long Images,
    long Differing, IReadOnlyList<RemoteShadowCount> Counts, long Dropped, string? Problem);
