using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Spade.V1;
using SpadeCluster.Galleries;
using Core = SpadeCluster;

namespace SpadeCluster.Server.Grpc.Galleries;

internal static class GalleryMapping
{
    public static Gallery ToMessage(GalleryManifest m, bool includeImages)
    {
        var gallery = new Gallery
        {
            Category = m.Category,
            Version = m.Version,
            CreatedAt = Timestamp.FromDateTimeOffset(m.CreatedAt),
            CreatedBy = m.CreatedBy,
            Reason = m.Reason,
            Model = ToMessage(m.Model),
            Preprocessing = m.Preprocessing,
            ImageCount = m.Images.Count,
            Shards = m.Shards,
            Trial = m.Trial,
        };
        if (includeImages) gallery.Images.Add(m.Images.Select(ToMessage));
        if (m.Calibration is { } c) gallery.Calibration = ToMessage(c);
        if (m.Region is { } r)
            gallery.Region = new InspectedRegion
            {
                Source = r.Source,
                Digest = r.Digest,
                Mask = ByteString.CopyFrom(r.Mask),
                Cells = ByteString.CopyFrom(r.CellMask),
            };
        return gallery;
    }

    public static Spade.V1.GalleryVersion ToMessage(Core.Galleries.GalleryVersion v) => new()
    {
        Version = v.Version,
        CreatedAt = Timestamp.FromDateTimeOffset(v.CreatedAt),
        CreatedBy = v.CreatedBy,
        Reason = v.Reason,
        ModelDigest = v.ModelDigest,
        Preprocessing = v.Preprocessing,
        ImageCount = v.Images,
        Calibrated = v.Calibrated,
        Problem = v.Problem ?? "",
        Deleted = v.Deleted,
        Trial = v.Trial,
    };

    public static DeletedGallery ToMessage(Core.Galleries.DeletedCategory d) => new()
    {
        Category = d.Category,
        ImageCount = d.Images,
        DeletedAt = Timestamp.FromDateTimeOffset(d.DeletedAt),
        DeletedBy = d.DeletedBy,
        Reason = d.Reason,
        Until = Timestamp.FromDateTimeOffset(d.Until),
    };

    public static DiffResponse ToMessage(GalleryDiff d) => new()
    {
        From = ToMessage(d.From),
        To = ToMessage(d.To),
        Added = { d.Added.Select(ToMessage) },
        Removed = { d.Removed.Select(ToMessage) },
        Before = d.Before is { } before ? ToMessage(before) : null,
        After = d.After is { } after ? ToMessage(after) : null,
    };

    public static CompactResponse ToMessage(CompactionReport r)
        => new() { Dropped = { r.Dropped }, InUse = { r.InUse }, Images = r.Images, Bytes = r.Bytes };

    public static Shadow ToMessage(Server.Shadows.ShadowState s)
    {
        var message = new Shadow
        {
            Category = s.Category,
            Version = s.Version,
            Share = s.Share,
            Since = Timestamp.FromDateTimeOffset(s.Since),
            Caller = s.Caller,
            Images = s.Images,
            Differing = s.Differing,
            Counts = { s.Counts.Select(ToMessage) },
            Dropped = s.Dropped,
        };
        if (s.Problem is { } problem) message.Problem = problem;
        return message;
    }

    private static ShadowCount ToMessage(Server.Shadows.ShadowCount c)
    {
        var message = new ShadowCount { ShadowVerdict = c.ShadowVerdict, Count = c.Count };
        if (c.Verdict is { } verdict) message.Verdict = verdict;
        return message;
    }

    /// <param name="known">Settings to use where the message has none; null: the defaults.</param>
    public static Core.Scoring.ScoringOptions ToOptions(ScoringOptions? m, Core.Scoring.ScoringOptions? known, int images)
    {
        var d = known ?? Core.Scoring.ScoringOptions.DefaultFor(images);
        d = d with { GateNeighbours = Math.Min(d.GateNeighbours, Math.Max(images, 1)) };
        return m is null ? d : new Core.Scoring.ScoringOptions
        {
            GateNeighbours = m.HasGateNeighbours ? m.GateNeighbours : d.GateNeighbours,
            GalleryNeighbours = m.HasGalleryNeighbours ? m.GalleryNeighbours : d.GalleryNeighbours,
            Kappa = m.HasKappa ? m.Kappa : d.Kappa,
            Fusion = m.Fusion switch
            {
                Fusion.Unspecified => d.Fusion,
                Fusion.Concatenated => Core.Neighbors.Fusion.Concatenated,
                Fusion.PerLevel => Core.Neighbors.Fusion.PerLevel,
                _ => throw new SpadeException(SpadeError.InvalidArgument,
                    $"fusion {(int)m.Fusion} is unknown; use CONCATENATED or PER_LEVEL"),
            },
            Levels = m.Levels.Count > 0 ? [.. m.Levels] : d.Levels,
            GatePolicy = m.GatePolicy switch
            {
                GatePolicy.Unspecified => d.GatePolicy,
                GatePolicy.Always => Core.Scoring.GatePolicy.Always,
                GatePolicy.Gate => Core.Scoring.GatePolicy.Gate,
                GatePolicy.GateOrSample => Core.Scoring.GatePolicy.GateOrSample,
                _ => throw new SpadeException(SpadeError.InvalidArgument,
                    $"gate policy {(int)m.GatePolicy} is unknown; use ALWAYS, GATE or GATE_OR_SAMPLE"),
            },
            AuditShare = m.HasAuditShare ? m.AuditShare : d.AuditShare,
            Alpha = m.HasAlpha ? m.Alpha : d.Alpha,
            Sigma = m.HasSigma ? m.Sigma : d.Sigma,
            Threshold = m.Threshold switch
            {
                ThresholdRule.Unspecified => d.Threshold,
                ThresholdRule.Conformal => Core.Scoring.ThresholdRule.Conformal,
                ThresholdRule.Robust => Core.Scoring.ThresholdRule.Robust,
                ThresholdRule.Tail => Core.Scoring.ThresholdRule.Tail,
                _ => throw new SpadeException(SpadeError.InvalidArgument,
                    $"threshold rule {(int)m.Threshold} is unknown; use CONFORMAL, ROBUST or TAIL"),
            },
            ReviewRate = !m.HasReviewRate ? d.ReviewRate : m.ReviewRate == 0 ? null : m.ReviewRate,
            Normalised = m.HasNormalised ? m.Normalised : d.Normalised,
            Theta = !m.HasTheta ? d.Theta : m.Theta == 0 ? null : m.Theta,
            TileReach = m.HasTileReach ? m.TileReach : d.TileReach,
            Window = !m.HasWindow ? d.Window : m.Window == 0 ? null : m.Window,
        };
    }

    public static AddedImage ToMessage(AddOutcome o) => new()
    {
        Name = o.Source,
        ImageId = o.Id?.ToString() ?? "",
        Status = o.Status switch
        {
            AddStatus.Added => AddedImage.Types.Status.Added,
            AddStatus.Duplicate => AddedImage.Types.Status.Duplicate,
            _ => AddedImage.Types.Status.Failed,
        },
        Problem = o.Problem ?? "",
    };

    private static Model ToMessage(Core.Features.FeatureModel m) => new()
    {
        Name = m.Name,
        Digest = m.Digest,
        InputWidth = m.InputWidth,
        InputHeight = m.InputHeight,
        Levels = { m.Levels.Select(l => new Level { Height = l.Height, Width = l.Width, Channels = l.Channels }) },
        PooledLength = m.PooledLength,
        WeightChannels = m.WeightChannels,
    };

    public static Spade.V1.GalleryImage ToMessage(Core.Galleries.GalleryImage i) => new()
    {
        Id = i.Id.ToString(),
        Sha256 = i.Sha256,
        Source = i.Source,
        AddedAt = Timestamp.FromDateTimeOffset(i.AddedAt),
        AddedBy = i.AddedBy,
    };

    private static Calibration ToMessage(Core.Scoring.Calibration c)
    {
        var message = new Calibration
        {
            Options = ToMessage(c.Options),
            Tau = c.Tau,
            Theta = c.Theta,
            Rate = c.Rate,
            MapScale = c.MapScale,
            GateDistances = { c.GateDistances },
            Scores = { c.Scores },
            Suspects = { c.Suspects.Select(ToMessage) },
            Highest = { c.Highest.Select(h => new NormalScore { ImageId = h.Image.ToString(), Score = h.Score }) },
        };
        if (c.Review is { } review) message.Review = review;
        return message;
    }

    private static Suspect ToMessage(Core.Scoring.Suspect s)
        => new() { ImageId = s.Image.ToString(), Score = s.Score, Next = s.Next, Accepted = s.Accepted };

    private static ScoringOptions ToMessage(Core.Scoring.ScoringOptions o)
    {
        var message = new ScoringOptions
        {
            GateNeighbours = o.GateNeighbours,
            Kappa = o.Kappa,
            Fusion = o.Fusion == Core.Neighbors.Fusion.PerLevel ? Fusion.PerLevel : Fusion.Concatenated,
            GatePolicy = o.GatePolicy switch
            {
                Core.Scoring.GatePolicy.Gate => GatePolicy.Gate,
                Core.Scoring.GatePolicy.GateOrSample => GatePolicy.GateOrSample,
                _ => GatePolicy.Always,
            },
            AuditShare = o.AuditShare,
            Alpha = o.Alpha,
            Sigma = o.Sigma,
            Threshold = o.Threshold switch
            {
                Core.Scoring.ThresholdRule.Robust => ThresholdRule.Robust,
                Core.Scoring.ThresholdRule.Tail => ThresholdRule.Tail,
                _ => ThresholdRule.Conformal,
            },
            ReviewRate = o.ReviewRate ?? 0,
            Normalised = o.Normalised,
            Theta = o.Theta ?? 0,
            Window = o.Window ?? 0,
        };
        if (o.TileReach is { } reach) message.TileReach = reach;
        if (o.GalleryNeighbours is { } k) message.GalleryNeighbours = k;
        message.Levels.Add(o.Levels ?? []);
        return message;
    }
}
