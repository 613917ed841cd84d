using Google.Protobuf.WellKnownTypes;
using Proto = Spade.V1;

namespace SpadeCluster.Client;

/// <summary>Converts messages of decisions and feedback.</summary>
internal static class ResultMapping
{
    public static Proto.DecisionFilter ToMessage(RemoteDecisionFilter f)
    {
        var message = new Proto.DecisionFilter { Since = ToMessage(f.Since), Until = ToMessage(f.Until) };
        if (f.Category is { } category) message.Category = category;
        if (f.Line is { } line) message.Line = line;
        if (f.Verdict is { } verdict) message.Verdict = verdict;
        if (f.SerialNumber is { } serial) message.SerialNumber = serial;
        if (f.Shift is { } shift) message.Shift = shift;
        if (f.Feedback is { } feedback) message.Feedback = ToMessage(feedback);
        if (f.ShadowDiffers is { } differs) message.ShadowDiffers = differs;
        return message;
    }

    public static Proto.FeedbackKind ToMessage(RemoteFeedbackKind kind)
        => kind == RemoteFeedbackKind.Good ? Proto.FeedbackKind.Good : Proto.FeedbackKind.Defect;

    public static RemoteDecision ToDecision(Proto.Decision d) => new(
        d.Id, d.Time.ToDateTimeOffset(), d.Line, d.HasSerialNumber ? d.SerialNumber : null, d.HasBatch ? d.Batch : null,
        d.HasShift ? d.Shift : null, d.HasOperator ? d.Operator : null, d.Caller, d.Digest, d.Preprocessing, Mapping.ToScore(d.Score),
        d.Pictures, ToKind(d.Feedback), d.Shadow is { } s ? new RemoteShadowScore(s.Version, s.Verdict,
            s.HasPredScore ? s.PredScore : null, s.HasRawScore ? s.RawScore : null) : null);

    public static RemoteCounts ToCounts(Proto.Counts c) => new(
        c.Since.ToDateTimeOffset(), c.Until.ToDateTimeOffset(), TimeSpan.FromSeconds(c.StepSeconds), ToCounts(c.Total), c.Missed,
        c.FalseAlarms, [.. c.Times.Select(t => new RemoteCountedTime(t.Start.ToDateTimeOffset(), ToCounts(t.Counts)))],
        [.. c.Shifts.Select(s => new RemoteCountedShift(s.HasShift ? s.Shift : null, ToCounts(s.Counts)))]);

    public static RemoteFeedback ToFeedback(Proto.Feedback f) => new(
        f.Id, f.Decision, f.Time.ToDateTimeOffset(), f.Caller, ToKind(f.Kind) ?? throw Incompatible($"feedback of kind {f.Kind}"), f.Note,
        f.HasImageId ? f.ImageId : null, f.Undone?.ToDateTimeOffset(), f.HasUndoneBy ? f.UndoneBy : null, f.Status switch
        {
            Proto.FeedbackStatus.Noted => RemoteFeedbackStatus.Noted,
            Proto.FeedbackStatus.Checking => RemoteFeedbackStatus.Checking,
            Proto.FeedbackStatus.Waiting => RemoteFeedbackStatus.Waiting,
            Proto.FeedbackStatus.Added => RemoteFeedbackStatus.Added,
            Proto.FeedbackStatus.Refused => RemoteFeedbackStatus.Refused,
            _ => throw Incompatible($"feedback with status {f.Status}"),
        }, f.HasWhy ? f.Why : null, f.HasDecidedBy ? f.DecidedBy : null);

    private static RemoteFeedbackKind? ToKind(Proto.FeedbackKind kind) => kind switch
    {
        Proto.FeedbackKind.Good => RemoteFeedbackKind.Good,
        Proto.FeedbackKind.Defect => RemoteFeedbackKind.Defect,
        _ => null,
    };

    private static RemoteVerdictCounts ToCounts(Proto.VerdictCounts c) => new(c.Good, c.Review, c.Defect, c.None);

    private static Timestamp? ToMessage(DateTimeOffset? time) => time is { } t ? Timestamp.FromDateTimeOffset(t) : null;

    private static SpadeException Incompatible(string what)
        => new(SpadeError.DataLoss, $"the server sent {what}, which this client does not know: use a client of the server's version");
}
