using System.Data.Common;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Decisions;

/// <summary>What people say of decisions. Nothing is overwritten: feedback is taken back, and both stay on record.</summary>
public sealed class FeedbackService(ServerDatabase database, DecisionLog log, IGalleryServices services, Recalibration recalibration,
    AuditLog audit, TimeProvider clock)
{
    private const string Columns = "id, decision, time, caller, kind, note, image_id, undone, undone_by FROM feedback";

    private readonly SemaphoreSlim _one = new(1);

    public IReadOnlyList<Feedback> Of(long decision) =>
        database.Read(c => c.Query($"SELECT {Columns} WHERE decision = $decision ORDER BY id DESC", Row, ("$decision", decision)));

    /// <summary>Takes feedback. Good: the photograph becomes a normal, and thresholds are learnt anew in the background.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: this decision has standing feedback. NotFound: good, but the
    /// photograph is no longer kept.</exception>
    public async Task<Feedback> GiveAsync(Decision decision, FeedbackKind kind, string note, string caller,
        CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        string category = decision.Score.Category;
        byte[]? photograph = kind == FeedbackKind.Good ? log.Image(decision.Id) : null;
        var feedback = new Feedback(0, decision.Id, clock.GetUtcNow(), caller, kind, note, null, null, null);
        // First the word, then the normal: only one word can stand, so that of two at once only one reaches the gallery.
        feedback = feedback with { Id = await InsertAsync(feedback) };
        if (photograph is not null)
        {
            try
            {
                feedback = feedback with { ImageId = await AddAsync(decision, photograph, caller, cancellationToken) };
            }
            catch
            {
                // It was never acknowledged.
                await database.WriteAsync(c => c.Execute("DELETE FROM feedback WHERE id = $id", ("$id", feedback.Id)));
                throw;
            }
            await database.WriteAsync(c =>
                c.Execute("UPDATE feedback SET image_id = $image WHERE id = $id", ("$image", feedback.ImageId), ("$id", feedback.Id)));
        }
        await audit.WriteAsync(caller, $"feedback {kind}".ToLowerInvariant(), category,
            $"decision {decision.Id}{(feedback.ImageId is { } added ? $", added {added}" : "")}");
        return feedback;
    }

    /// <summary>Takes feedback back; a normal that it added is retired.</summary>
    /// <exception cref="SpadeException">NotFound: no such feedback that stands.</exception>
    public async Task<Feedback> UndoAsync(Decision decision, long id, string caller, CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        var feedback = Of(decision.Id).SingleOrDefault(f => f.Id == id && f.Undone is null)
            ?? throw new SpadeException(SpadeError.NotFound, $"decision {decision.Id} has no standing feedback {id}");
        string category = decision.Score.Category;
        if (feedback.ImageId is { } added)
        {
            var galleries = services.For(caller);
            var current = await galleries.GetAsync(category, cancellationToken);
            if (current.Images.Any(i => i.Id.ToString() == added))
                await recalibration.AfterAsync(category, caller, () =>
                    galleries.RetireAsync(category, [added], $"feedback on decision {decision.Id} taken back", cancellationToken));
        }
        feedback = feedback with { Undone = clock.GetUtcNow(), UndoneBy = caller };
        await database.WriteAsync(c =>
            c.Execute("UPDATE feedback SET undone = $now, undone_by = $caller WHERE id = $id AND undone IS NULL", ("$now", feedback.Undone),
                ("$caller", caller), ("$id", id)));
        await audit.WriteAsync(caller, "feedback undo", category, $"decision {decision.Id}, feedback {id}");
        return feedback;
    }

    /// <summary>One word at a time: a gallery has one writer, and what is being added cannot be taken back yet.</summary>
    private async Task<IDisposable> TurnAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        return new Turn(_one);
    }

    private async Task<long> InsertAsync(Feedback feedback)
    {
        try
        {
            return await database.WriteAsync(c =>
                c.Scalar<long>("INSERT INTO feedback (decision, time, caller, kind, note) VALUES ($decision, $time, $caller, $kind, "
                + "$note) RETURNING id",
                ("$decision", feedback.Decision), ("$time", feedback.Time), ("$caller", feedback.Caller),
                ("$kind", feedback.Kind.ToString()), ("$note", feedback.Note)));
        }
        catch (SpadeException e) when (e.Error == SpadeError.FailedPrecondition)
        {
            var said = Of(feedback.Decision).FirstOrDefault(f => f.Undone is null)?.Kind;
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"decision {feedback.Decision} already has the feedback '{said}': take that back first", e);
        }
    }

    /// <returns>The id of the normal; null: it was one already.</returns>
    private async Task<string?> AddAsync(Decision decision, byte[] photograph, string caller, CancellationToken cancellationToken)
    {
        string category = decision.Score.Category;
        AddOutcome? outcome = null;
        var source = new ImageSource($"decision-{decision.Id}-{decision.Score.File}", photograph);
        await recalibration.AfterAsync(category, caller, () =>
            services.For(caller).AddAsync(category, [source], new InlineProgress<AddOutcome>(o => outcome = o),
                cancellationToken: cancellationToken));
        if (outcome?.Status == AddStatus.Failed)
            throw new SpadeException(SpadeError.InvalidArgument, outcome.Problem ?? "the photograph could not be added");
        return outcome?.Status == AddStatus.Added ? outcome.Id.ToString() : null;
    }

    private sealed class Turn(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }

    private static Feedback Row(DbDataReader r) =>
        new(r.GetInt64(0), r.GetInt64(1), r.Time(2)!.Value, r.GetString(3), DecisionLog.Kind(r.GetString(4))!.Value, r.GetString(5),
            r.Text(6), r.Time(7), r.Text(8));
}
