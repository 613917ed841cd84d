using System.Runtime.InteropServices;
using Google.Protobuf;
using Spade.V1;
using SpadeCluster.Scoring;
using ScoreResult = Spade.V1.ScoreResult;
using StageTimes = Spade.V1.StageTimes;

namespace SpadeCluster.Server.Grpc.Scoring;

internal static class ScoreMapping
{
    public static ScoreResult ToMessage(ScoredImage scored, bool includeMap)
    {
        var result = ToMessage(ImageScore.Of(scored));
        if (includeMap && scored.Result.Map is { } map) result.AnomalyMap = ToMessage(map.Width, map.Height, map.Values);
        return result;
    }

    public static ScoreResult ToMessage(ImageScore score)
    {
        var result = new ScoreResult
        {
            Name = score.File,
            ImageId = score.ImageId,
            Category = score.Category,
            Version = score.Version,
            GateDistance = score.GateDistance,
            Localised = score.Localised,
            Milliseconds = new StageTimes
            {
                Prepare = score.Milliseconds.Prepare,
                Extract = score.Milliseconds.Extract,
                Retrieve = score.Milliseconds.Retrieve,
                Match = score.Milliseconds.Match,
                Map = score.Milliseconds.Map,
            },
        };
        if (score.PredScore is { } predScore) result.PredScore = predScore;
        if (score.PredLabel is { } predLabel) result.PredLabel = predLabel;
        if (score.RawScore is { } raw) result.RawScore = raw;
        if (score.MapMax is { } max) result.MapMax = max;
        if (score.Verdict is { } verdict) result.Verdict = verdict;
        if (score.Review is { } review) result.Review = review;
        if (score.Theta is { } theta) result.Theta = theta;
        if (score.Tau is { } tau) result.Tau = tau;
        if (score.Flagged is { } flagged) result.Flagged = flagged;
        result.Regions.Add(score.Regions.Select(ToMessage));
        result.Neighbours.Add(score.Neighbours.Select(ToMessage));
        return result;
    }

    /// <param name="values">[y][x].</param>
    public static Spade.V1.AnomalyMap ToMessage(int width, int height, ReadOnlySpan<float> values)
        => new() { Width = width, Height = height, Values = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)) };

    private static Region ToMessage(ScoredRegion r) => new()
    {
        Box = new Box { X = r.Box.X, Y = r.Box.Y, Width = r.Box.Width, Height = r.Box.Height },
        InputArea = r.InputArea,
        Peak = r.Peak,
        PeakAt = ToMessage(r.PeakAt),
        Evidence = r.Evidence is null ? null : ToMessage(r.Evidence),
    };

    private static Evidence ToMessage(RegionEvidence e)
    {
        var message = new Evidence { ImageId = e.ImageId, Source = e.Source, Input = ToMessage(e.Input), Distance = e.Distance };
        if (e.Copy is not null) message.Copy = e.Copy;
        return message;
    }

    private static Neighbour ToMessage(NeighbourScore n)
    {
        var message = new Neighbour { ImageId = n.ImageId, Source = n.Source, Distance = n.Distance };
        if (n.Copy is not null) message.Copy = n.Copy;
        return message;
    }

    private static Point ToMessage(PhotoPoint p) => new() { X = p.X, Y = p.Y };
}
