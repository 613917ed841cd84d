using Spade.V1;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>Scores live photographs, or a share of them, with a further version too, which decides nothing. It replaces the category's
    /// other shadow.</summary>
    /// <param name="share">Of the photographs, above 0 and at most 1.</param>
    /// <exception cref="SpadeException">NotFound: no such category or version. FailedPrecondition: the version has no thresholds, or
    /// decides already.</exception>
    public async Task<RemoteShadow> BeginShadowAsync(
        string category, int version, double share = 1, CancellationToken cancellationToken = default)
    {
        var request = new BeginShadowRequest { Category = category, Version = version, Share = share };
        return ToShadow(await CallAsync((c, o) => c.BeginShadowAsync(request, o), cancellationToken));
    }

    /// <summary>How often the verdicts of the shadow version and of the deciding one differ.</summary>
    /// <exception cref="SpadeException">NotFound: there is no shadow version.</exception>
    public async Task<RemoteShadow> GetShadowAsync(string category, CancellationToken cancellationToken = default)
    {
        var request = new GetShadowRequest { Category = category };
        return ToShadow(await CallAsync((c, o) => c.GetShadowAsync(request, o), cancellationToken));
    }

    /// <summary>Ends the category's shadow.</summary>
    /// <returns>Its last state.</returns>
    /// <exception cref="SpadeException">NotFound: there is no shadow version.</exception>
    public async Task<RemoteShadow> EndShadowAsync(string category, CancellationToken cancellationToken = default)
    {
        var request = new EndShadowRequest { Category = category };
        return ToShadow(await CallAsync((c, o) => c.EndShadowAsync(request, o), cancellationToken));
    }

    private static RemoteShadow ToShadow(Shadow s) => new(s.Category, s.Version, s.Share, s.Since.ToDateTimeOffset(), s.Caller, s.Images,
        s.Differing, [.. s.Counts.Select(c => new RemoteShadowCount(c.HasVerdict ? c.Verdict : null, c.ShadowVerdict, c.Count))], s.Dropped,
        s.HasProblem ? s.Problem : null);
}
