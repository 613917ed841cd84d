using System.Runtime.InteropServices;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using Proto = Spade.V1;

namespace SpadeCluster.Client;

/// <summary>Converts messages to Core's records.</summary>
internal static class Mapping
{
    public static ImageScore ToScore(Proto.ScoreResult r) => new()
    {
        File = r.Name,
        ImageId = r.ImageId,
        Category = r.Category,
        Version = r.Version,
        PredScore = r.HasPredScore ? r.PredScore : null,
        PredLabel = r.HasPredLabel ? r.PredLabel : null,
        Verdict = r.HasVerdict ? r.Verdict : null,
        Review = r.HasReview ? r.Review : null,
        RawScore = r.HasRawScore ? r.RawScore : null,
        MapMax = r.HasMapMax ? r.MapMax : null,
        Theta = r.HasTheta ? r.Theta : null,
        GateDistance = r.GateDistance,
        Tau = r.HasTau ? r.Tau : null,
        Flagged = r.HasFlagged ? r.Flagged : null,
        Localised = r.Localised,
        Regions = [.. r.Regions.Select(g =>
            new ScoredRegion(new PhotoBox(g.Box.X, g.Box.Y, g.Box.Width, g.Box.Height), g.InputArea, g.Peak, ToPoint(g.PeakAt),
            g.Evidence is null ? null
            : new RegionEvidence(g.Evidence.ImageId, g.Evidence.Source, ToPoint(g.Evidence.Input), g.Evidence.Distance,
                g.Evidence.HasCopy ? g.Evidence.Copy : null)))],
        Neighbours = [.. r.Neighbours.Select(n => new NeighbourScore(n.ImageId, n.Source, n.Distance, n.HasCopy ? n.Copy : null))],
        Milliseconds = new SpadeCluster.Scoring.StageTimes
        {
            Prepare = r.Milliseconds.Prepare,
            Extract = r.Milliseconds.Extract,
            Retrieve = r.Milliseconds.Retrieve,
            Match = r.Milliseconds.Match,
            Map = r.Milliseconds.Map,
        },
    };

    public static RemoteMap ToMap(Proto.ScoreResult r) => new(ToScore(r), r.AnomalyMap?.Width ?? 0, r.AnomalyMap?.Height ?? 0,
        r.AnomalyMap is null ? null : MemoryMarshal.Cast<byte, float>(r.AnomalyMap.Values.Span).ToArray());

    public static RemoteGallery ToGallery(Gallery g) => new(
        g.Category, g.Version, g.CreatedAt.ToDateTimeOffset(), g.CreatedBy, g.Reason, g.Model.Name, g.Model.Digest, g.Preprocessing,
        g.ImageCount, g.Shards,
        g.Calibration is null ? null
        : new RemoteCalibration(g.Calibration.Tau, g.Calibration.Theta, g.Calibration.Rate, g.Calibration.Options.Alpha),
        [.. g.Images.Select(i => new RemoteGalleryImage(i.Id, i.Sha256, i.Source, i.AddedAt.ToDateTimeOffset(), i.AddedBy))]);

    public static AddOutcome ToOutcome(AddedImage a) => new(a.Name, ImageId.TryParse(a.ImageId, out var id) ? id : null, a.Status switch
    {
        AddedImage.Types.Status.Added => AddStatus.Added,
        AddedImage.Types.Status.Duplicate => AddStatus.Duplicate,
        _ => AddStatus.Failed,
    }, a.Problem.Length > 0 ? a.Problem : null);

    public static Proto.ScoringOptions ToMessage(SpadeCluster.Scoring.ScoringOptions o)
    {
        var message = new Proto.ScoringOptions
        {
            GateNeighbours = o.GateNeighbours,
            Kappa = o.Kappa,
            Fusion = o.Fusion == Neighbors.Fusion.PerLevel ? Fusion.PerLevel : Fusion.Concatenated,
            GatePolicy = o.GatePolicy switch
            {
                SpadeCluster.Scoring.GatePolicy.Gate => Proto.GatePolicy.Gate,
                SpadeCluster.Scoring.GatePolicy.GateOrSample => Proto.GatePolicy.GateOrSample,
                _ => Proto.GatePolicy.Always,
            },
            AuditShare = o.AuditShare,
            Alpha = o.Alpha,
            Sigma = o.Sigma,
            Threshold = o.Threshold switch
            {
                SpadeCluster.Scoring.ThresholdRule.Robust => Proto.ThresholdRule.Robust,
                SpadeCluster.Scoring.ThresholdRule.Tail => Proto.ThresholdRule.Tail,
                _ => Proto.ThresholdRule.Conformal,
            },
            ReviewRate = o.ReviewRate ?? 0,
            Normalised = o.Normalised,
            Window = o.Window ?? 0,
            Theta = o.Theta ?? 0,
        };
        if (o.TileReach is { } reach) message.TileReach = reach;
        if (o.GalleryNeighbours is { } k) message.GalleryNeighbours = k;
        message.Levels.Add(o.Levels ?? []);
        return message;
    }

    /// <summary>Converts a failure, so that callers handle local and remote scoring in the same way.</summary>
    public static SpadeException ToException(RpcException e) =>
        new(ToError(e.StatusCode), e.Status.Detail.Length > 0 ? e.Status.Detail : $"the server answered {e.StatusCode}",
            e)
        { RetryAfter = RetryAfter(e) };

    public static SpadeException ToException(Error e)
        => new(ToError((StatusCode)e.Code), e.Message)
        {
            RetryAfter = e.RetryAfterMs > 0
            ? TimeSpan.FromMilliseconds(e.RetryAfterMs) : null
        };

    private static SpadeError ToError(StatusCode code) => code switch
    {
        StatusCode.InvalidArgument or StatusCode.OutOfRange => SpadeError.InvalidArgument,
        StatusCode.NotFound => SpadeError.NotFound,
        StatusCode.FailedPrecondition or StatusCode.Aborted => SpadeError.FailedPrecondition,
        StatusCode.ResourceExhausted => SpadeError.ResourceExhausted,
        StatusCode.DataLoss => SpadeError.DataLoss,
        _ => SpadeError.Unavailable,
    };

    private static TimeSpan? RetryAfter(RpcException e)
    {
        if (e.Trailers.GetValueBytes("grpc-status-details-bin") is not { } bytes) return null;
        var info = RpcStatus.Parser.ParseFrom(bytes).Details.FirstOrDefault(d =>
            d.TypeUrl.EndsWith("/google.rpc.RetryInfo", StringComparison.Ordinal));
        return info is null ? null : RpcRetryInfo.Parser.ParseFrom(info.Value).RetryDelay.ToTimeSpan();
    }

    private static PhotoPoint ToPoint(Point p) => new(p.X, p.Y);
}
