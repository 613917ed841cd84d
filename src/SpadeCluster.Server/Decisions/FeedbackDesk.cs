using Microsoft.Data.Sqlite;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Decisions;

/// <summary>What people say of decisions. Nothing is overwritten: feedback is taken back, and both stay on record.</summary>
public sealed class FeedbackDesk(ServerDatabase database, DecisionLog log, ServerParts parts, Recalibration recalibration, AuditLog audit, TimeProvider clock)
{
    private const string Columns = "id, decision, time, caller, kind, note, image_id, undone, undone_by FROM feedback";

    public IReadOnlyList<Feedback> Of(long decision) => database.Read(c => c.Query($"SELECT {Columns} WHERE decision = $decision ORDER BY id DESC", Row, ("$decision", decision)));

    /// <summary>Takes feedback. Good: the photograph becomes a normal, and thresholds are learnt anew in the background.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: this decision has standing feedback. NotFound: good, but the
    /// photograph is no longer kept.</exception>
    public async Task<Feedback> GiveAsync(Decision decision, FeedbackKind kind, string note, string caller, CancellationToken cancellationToken)
    {
        if (decision.Feedback is { } said) throw new SpadeException(SpadeError.FailedPrecondition, $"decision {decision.Id} already has the feedback '{said}': take that back first");
        string category = decision.Score.Category;
        string? added = null;
        if (kind == FeedbackKind.Good)
        {
            var galleries = parts.Galleries(caller);
            AddOutcome? outcome = null;
            var source = new ImageSource($"decision-{decision.Id}-{decision.Score.File}", log.Image(decision.Id));
            await recalibration.AfterAsync(category, caller, () => galleries.AddAsync(category, [source], new InlineProgress<AddOutcome>(o => outcome = o), cancellationToken));
            if (outcome?.Status == AddStatus.Failed) throw new SpadeException(SpadeError.InvalidArgument, outcome.Problem ?? "the photograph could not be added");
            if (outcome?.Status == AddStatus.Added) added = outcome.Id.ToString();
        }
        var feedback = new Feedback(0, decision.Id, clock.GetUtcNow(), caller, kind, note, added, null, null);
        long id = await database.WriteAsync(c => c.Scalar<long>("INSERT INTO feedback (decision, time, caller, kind, note, image_id) VALUES ($decision, $time, $caller, $kind, $note, $image) RETURNING id",
            ("$decision", decision.Id), ("$time", feedback.Time), ("$caller", caller), ("$kind", kind.ToString()), ("$note", note), ("$image", added)));
        await audit.WriteAsync(caller, $"feedback {kind}".ToLowerInvariant(), category, $"decision {decision.Id}{(added is null ? "" : $", added {added}")}");
        return feedback with { Id = id };
    }

    /// <summary>Takes feedback back; a normal that it added is retired.</summary>
    /// <exception cref="SpadeException">NotFound: no such feedback that stands.</exception>
    public async Task<Feedback> UndoAsync(Decision decision, long id, string caller, CancellationToken cancellationToken)
    {
        var feedback = Of(decision.Id).SingleOrDefault(f => f.Id == id && f.Undone is null)
            ?? throw new SpadeException(SpadeError.NotFound, $"decision {decision.Id} has no standing feedback {id}");
        string category = decision.Score.Category;
        if (feedback.ImageId is { } added)
        {
            var galleries = parts.Galleries(caller);
            var current = await galleries.GetAsync(category, cancellationToken);
            if (current.Images.Any(i => i.Id.ToString() == added))
                await recalibration.AfterAsync(category, caller, () => galleries.RetireAsync(category, [added], $"feedback on decision {decision.Id} taken back", cancellationToken));
        }
        feedback = feedback with { Undone = clock.GetUtcNow(), UndoneBy = caller };
        await database.WriteAsync(c => c.Execute("UPDATE feedback SET undone = $now, undone_by = $caller WHERE id = $id AND undone IS NULL", ("$now", feedback.Undone), ("$caller", caller), ("$id", id)));
        await audit.WriteAsync(caller, "feedback undo", category, $"decision {decision.Id}, feedback {id}");
        return feedback;
    }

    private static Feedback Row(SqliteDataReader r) => new(r.GetInt64(0), r.GetInt64(1), r.Time(2)!.Value, r.GetString(3), DecisionLog.Kind(r.GetString(4))!.Value, r.GetString(5), r.Text(6), r.Time(7), r.Text(8));
}
