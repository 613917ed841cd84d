using System.Collections.Concurrent;
using System.Security.Claims;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Shadows;

/// <summary>
/// The shadows of the categories. A shadow ends when a person ends it, and by itself when its version decides (the same images and
/// thresholds were published) or is compacted away.
/// </summary>
internal sealed class ShadowService(ShadowLog log, IGalleryServices services, AuditLog audit, TimeProvider clock)
{
    private volatile IReadOnlyDictionary<string, Shadow> _active = new Dictionary<string, Shadow>(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Outcome> _outcomes = new(StringComparer.Ordinal);

    /// <summary>The category's shadow as last read; null: none.</summary>
    public Shadow? Of(string category) => _active.GetValueOrDefault(category);

    /// <summary>Reads the shadows again, which other servers with the same database may have changed.</summary>
    public void Refresh()
    {
        _active = log.All().ToDictionary(s => s.Category, StringComparer.Ordinal);
        foreach (var (category, outcome) in _outcomes)
            if (Of(category) != outcome.Shadow) _outcomes.TryRemove(category, out _);
    }

    /// <summary>Begins to try a version; it replaces the category's other shadow.</summary>
    /// <param name="share">Of the photographs.</param>
    /// <exception cref="SpadeException">NotFound: no such category or version. FailedPrecondition: the version has no thresholds, or
    /// decides already. InvalidArgument: not a share.</exception>
    public async Task<ShadowState> BeginAsync(string category, int version, double share, ClaimsPrincipal user,
        CancellationToken cancellationToken)
    {
        if (!(share is > 0 and <= 1))
            throw new SpadeException(SpadeError.InvalidArgument, "the share of the photographs is above 0 and at most 1");
        var galleries = services.For(user.CallerName());
        var tried = await galleries.GetVersionAsync(category, version, cancellationToken);
        if (tried.Calibration is null)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"version {version} of '{category}' has no thresholds, and so no verdicts: choose another one; 'spade gallery history' "
                + "shows which have them");
        if (await galleries.FindScoringVersionAsync(category, cancellationToken) is { } deciding && IsSame(tried, deciding))
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"version {version} of '{category}' decides already (as version {deciding.Version}): choose another one");
        var time = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
        var shadow = new Shadow(category, version, share, time, user.CallerName());
        await log.SetAsync(shadow);
        Refresh();
        await audit.WriteAsync(shadow.Caller, "shadow", category, FormattableString.Invariant($"version {version}, share {share}"));
        return State(shadow);
    }

    /// <summary>Ends the category's shadow.</summary>
    /// <returns>Its last state.</returns>
    /// <exception cref="SpadeException">NotFound: there is none.</exception>
    public async Task<ShadowState> EndAsync(string category, ClaimsPrincipal user)
    {
        var shadow = log.Find(category) ?? throw None(category);
        var state = State(shadow);
        await EndAsync(shadow, user.CallerName(), "ended");
        return state;
    }

    /// <returns>Null: there is none.</returns>
    public async Task<ShadowState?> FindAsync(string category, CancellationToken cancellationToken)
    {
        if (log.Find(category) is not { } shadow) return null;
        var galleries = services.For("server");
        try
        {
            var tried = await galleries.GetVersionAsync(category, shadow.Version, cancellationToken);
            if (await galleries.FindScoringVersionAsync(category, cancellationToken) is not { } deciding
                || !await EndIfDecidingAsync(shadow, tried, deciding))
                return State(shadow);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            await EndAsync(shadow, "server", e.Message);
        }
        catch (SpadeException e) when (e.Error is SpadeError.DataLoss or SpadeError.FailedPrecondition)
        {
            // A version that cannot be read does not hide the shadow.
            Report(shadow, Problems.DetailOf(e, category));
            return State(shadow);
        }
        return null;
    }

    /// <exception cref="SpadeException">NotFound: there is none.</exception>
    public async Task<ShadowState> GetAsync(string category, CancellationToken cancellationToken)
        => await FindAsync(category, cancellationToken) ?? throw None(category);

    /// <summary>Ends a shadow whose images and thresholds decide now.</summary>
    /// <returns>Whether they do.</returns>
    public async Task<bool> EndIfDecidingAsync(Shadow shadow, GalleryManifest tried, GalleryManifest deciding)
    {
        if (!IsSame(tried, deciding)) return false;
        await EndAsync(shadow, "server", $"it decides, as version {deciding.Version}");
        return true;
    }

    public async Task EndAsync(Shadow shadow, string caller, string why)
    {
        bool ended = await log.EndAsync(shadow);
        Refresh();
        if (ended) await audit.WriteAsync(caller, "shadow end", shadow.Category, $"version {shadow.Version}: {why}");
    }

    /// <summary>Counts a photograph that was not scored with the shadow, because the server was busy.</summary>
    public void Drop(Shadow shadow) => Change(shadow, o => o with { Dropped = o.Dropped + 1 });

    /// <param name="problem">Why a photograph could not be scored with it; null: it was.</param>
    public void Report(Shadow shadow, string? problem) => Change(shadow, o => o with { Problem = problem });

    private void Change(Shadow shadow, Func<Outcome, Outcome> change) => _outcomes.AddOrUpdate(shadow.Category,
        _ => change(new Outcome(shadow)), (_, known) => change(known.Shadow == shadow ? known : new Outcome(shadow)));

    private ShadowState State(Shadow shadow)
    {
        var counts = log.Counts(shadow);
        var outcome = _outcomes.GetValueOrDefault(shadow.Category) is { } o && o.Shadow == shadow ? o : new Outcome(shadow);
        return new ShadowState(shadow.Category, shadow.Version, shadow.Share, shadow.Since, shadow.Caller, counts.Sum(c => c.Count),
            counts.Where(c => c.Verdict != c.ShadowVerdict).Sum(c => c.Count), counts, outcome.Dropped, outcome.Problem);
    }

    /// <summary>Whether two versions give the same verdicts.</summary>
    private static bool IsSame(GalleryManifest a, GalleryManifest b) => a.Version == b.Version
        || (a.Calibration is { } x && b.Calibration is { } y
            && (x.Theta, x.Review, x.Tau, x.MapScale) == (y.Theta, y.Review, y.Tau, y.MapScale)
            && (a.Model.Digest, a.Preprocessing, a.Region?.Digest) == (b.Model.Digest, b.Preprocessing, b.Region?.Digest)
            && a.Images.Select(i => i.Id).SequenceEqual(b.Images.Select(i => i.Id)));

    private static SpadeException None(string category)
        => new(SpadeError.NotFound, $"'{category}' has no shadow version; 'spade gallery shadow' begins one");

    private sealed record Outcome(Shadow Shadow, long Dropped = 0, string? Problem = null);
}
