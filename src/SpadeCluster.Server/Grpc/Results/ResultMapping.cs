using Google.Protobuf.WellKnownTypes;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Grpc.Scoring;
using SpadeCluster.Server.Shadows;
using Proto = Spade.V1;

namespace SpadeCluster.Server.Grpc.Results;

internal static class ResultMapping
{
    /// <exception cref="SpadeException">InvalidArgument: not a time, or no such feedback.</exception>
    public static DecisionQuery ToQuery(Proto.DecisionFilter? f) => f is null ? new() : new()
    {
        Category = f.HasCategory ? f.Category : null,
        Line = f.HasLine ? f.Line : null,
        Verdict = f.HasVerdict ? f.Verdict : null,
        Since = ToTime(f.Since, "since"),
        Until = ToTime(f.Until, "until"),
        SerialNumber = f.HasSerialNumber ? f.SerialNumber : null,
        Shift = f.HasShift ? f.Shift : null,
        Feedback = f.Feedback == Proto.FeedbackKind.Unspecified ? null : f.Feedback.ToString().ToLowerInvariant(),
        ShadowDiffers = f.HasShadowDiffers ? f.ShadowDiffers : null,
    };

    public static Proto.Decision ToMessage(Decision d)
    {
        var message = new Proto.Decision
        {
            Id = d.Id,
            Time = Timestamp.FromDateTimeOffset(d.Time),
            Line = d.Line,
            Caller = d.Caller,
            Digest = d.Digest,
            Preprocessing = d.Preprocessing,
            Score = ScoreMapping.ToMessage(d.Score),
            Pictures = d.Pictures,
            Feedback = ToMessage(d.Feedback),
            Shadow = d.Shadow is { } shadow ? ToMessage(shadow) : null,
        };
        if (d.SerialNumber is { } serial) message.SerialNumber = serial;
        if (d.Batch is { } batch) message.Batch = batch;
        if (d.Shift is { } shift) message.Shift = shift;
        if (d.Operator is { } person) message.Operator = person;
        return message;
    }

    public static Proto.Counts ToMessage(DecisionCounts c) => new()
    {
        Since = Timestamp.FromDateTimeOffset(c.Since),
        Until = Timestamp.FromDateTimeOffset(c.Until),
        StepSeconds = c.StepSeconds,
        Total = ToMessage(c.Total),
        Missed = c.Missed,
        FalseAlarms = c.FalseAlarms,
        Times = { c.Times.Select(ToMessage) },
        Shifts = { c.Shifts.Select(ToMessage) },
    };

    public static Proto.Feedback ToMessage(Feedback f)
    {
        var message = new Proto.Feedback
        {
            Id = f.Id,
            Decision = f.Decision,
            Time = Timestamp.FromDateTimeOffset(f.Time),
            Caller = f.Caller,
            Kind = ToMessage(f.Kind),
            Note = f.Note,
            Undone = f.Undone is { } undone ? Timestamp.FromDateTimeOffset(undone) : null,
            Status = f.Status switch
            {
                FeedbackStatus.Noted => Proto.FeedbackStatus.Noted,
                FeedbackStatus.Checking => Proto.FeedbackStatus.Checking,
                FeedbackStatus.Waiting => Proto.FeedbackStatus.Waiting,
                FeedbackStatus.Added => Proto.FeedbackStatus.Added,
                FeedbackStatus.Refused => Proto.FeedbackStatus.Refused,
                _ => Proto.FeedbackStatus.Unspecified,
            },
        };
        if (f.ImageId is { } image) message.ImageId = image;
        if (f.UndoneBy is { } undoneBy) message.UndoneBy = undoneBy;
        if (f.Why is { } why) message.Why = why;
        if (f.DecidedBy is { } decidedBy) message.DecidedBy = decidedBy;
        return message;
    }

    /// <exception cref="SpadeException">InvalidArgument: neither good nor defect.</exception>
    public static FeedbackKind ToKind(Proto.FeedbackKind kind) => kind switch
    {
        Proto.FeedbackKind.Good => FeedbackKind.Good,
        Proto.FeedbackKind.Defect => FeedbackKind.Defect,
        _ => throw new SpadeException(SpadeError.InvalidArgument, "the kind of feedback is GOOD or DEFECT"),
    };

    private static Proto.FeedbackKind ToMessage(FeedbackKind? kind) => kind switch
    {
        FeedbackKind.Good => Proto.FeedbackKind.Good,
        FeedbackKind.Defect => Proto.FeedbackKind.Defect,
        _ => Proto.FeedbackKind.Unspecified,
    };

    private static Proto.ShadowScore ToMessage(ShadowScore s)
    {
        var message = new Proto.ShadowScore { Version = s.Version, Verdict = s.Verdict };
        if (s.PredScore is { } pred) message.PredScore = pred;
        if (s.RawScore is { } raw) message.RawScore = raw;
        return message;
    }

    private static Proto.VerdictCounts ToMessage(VerdictCounts c)
        => new() { Good = c.Good, Review = c.Review, Defect = c.Defect, None = c.None };

    private static Proto.CountedTime ToMessage(CountedTime t)
        => new() { Start = Timestamp.FromDateTimeOffset(t.Start), Counts = ToMessage(t.Counts) };

    private static Proto.CountedShift ToMessage(CountedShift s)
    {
        var message = new Proto.CountedShift { Counts = ToMessage(s.Counts) };
        if (s.Shift is { } shift) message.Shift = shift;
        return message;
    }

    /// <exception cref="SpadeException">InvalidArgument: not a time.</exception>
    public static DateTimeOffset? ToTime(Timestamp? time, string field)
    {
        try
        {
            return time?.ToDateTimeOffset();
        }
        catch (InvalidOperationException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{field} is not a time: its seconds or nanos are out of range");
        }
    }
}
