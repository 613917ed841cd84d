using System.Data.Common;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Decisions;

/// <summary>The table of feedback. Feedback is never overwritten: each decision has at most one valid feedback at a time.</summary>
public sealed class FeedbackLog(ServerDatabase database)
{
    private const string Columns =
        "f.id, f.decision, f.time, f.caller, f.kind, f.note, f.image_id, f.undone, f.undone_by, f.status, f.why, f.decided_by "
        + "FROM feedback f";

    public IReadOnlyList<Feedback> Of(long decision) => Read("WHERE f.decision = $decision ORDER BY f.id DESC", ("$decision", decision));

    /// <exception cref="SpadeException">NotFound: no such valid feedback.</exception>
    public Feedback Standing(long decision, long id) => Of(decision).SingleOrDefault(f => f.Id == id && f.Undone is null)
        ?? throw new SpadeException(SpadeError.NotFound, $"decision {decision} has no valid feedback {id}");

    /// <summary>The oldest first.</summary>
    public IReadOnlyList<Feedback> With(FeedbackStatus status, string? category = null) => Read(
        "JOIN decisions d ON d.id = f.decision WHERE f.undone IS NULL AND f.status = $status "
        + "AND d.category = coalesce($category, d.category) ORDER BY f.id", ("$status", status.ToString()), ("$category", category));

    /// <summary>All feedback on a photograph in a category, on any decision.</summary>
    public IReadOnlyList<Feedback> OfPhotograph(string category, string digest) => Read(
        "JOIN decisions d ON d.id = f.decision WHERE d.category = $category AND d.digest = $digest",
        ("$category", category), ("$digest", digest));

    /// <exception cref="SpadeException">FailedPrecondition: this decision has valid feedback.</exception>
    public async Task<Feedback> InsertAsync(Feedback feedback)
    {
        try
        {
            return feedback with
            {
                Id = await database.WriteAsync(c => c.Scalar<long>(
                    "INSERT INTO feedback (decision, time, caller, kind, note, status) VALUES ($decision, $time, $caller, $kind, $note, "
                    + "$status) RETURNING id",
                    ("$decision", feedback.Decision), ("$time", feedback.Time), ("$caller", feedback.Caller),
                    ("$kind", feedback.Kind.ToString()), ("$note", feedback.Note), ("$status", feedback.Status.ToString())))
            };
        }
        catch (SpadeException e) when (e.Error == SpadeError.FailedPrecondition)
        {
            var said = Of(feedback.Decision).FirstOrDefault(f => f.Undone is null)?.Kind;
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"decision {feedback.Decision} already has the feedback '{said}': take that back first", e);
        }
    }

    /// <summary>Writes the state of feedback, unless it was changed by somebody else.</summary>
    /// <param name="before">The status that it must have before.</param>
    /// <returns>Whether it was written.</returns>
    public Task<bool> UpdateAsync(Feedback after, FeedbackStatus before) => database.WriteAsync(c => c.Execute(
        "UPDATE feedback SET status = $status, why = $why, decided_by = $decided, image_id = $image, undone = $undone, "
        + "undone_by = $undone_by WHERE id = $id AND undone IS NULL AND status = $before",
        ("$status", after.Status.ToString()), ("$why", after.Why), ("$decided", after.DecidedBy), ("$image", after.ImageId),
        ("$undone", after.Undone), ("$undone_by", after.UndoneBy), ("$id", after.Id), ("$before", before.ToString())) == 1);

    /// <summary>Deletes feedback that was not acknowledged.</summary>
    public Task DeleteAsync(Feedback feedback)
        => database.WriteAsync(c => c.Execute("DELETE FROM feedback WHERE id = $id", ("$id", feedback.Id)));

    private List<Feedback> Read(string where, params (string, object?)[] values)
        => database.Read(c => c.Query($"SELECT {Columns} {where}", Row, values));

    private static Feedback Row(DbDataReader r) =>
        new(r.GetInt64(0), r.GetInt64(1), r.Time(2)!.Value, r.GetString(3), DecisionLog.Kind(r.GetString(4))!.Value, r.GetString(5),
            r.Text(6), r.Time(7), r.Text(8), Enum.Parse<FeedbackStatus>(r.GetString(9)), r.Text(10), r.Text(11));
}
