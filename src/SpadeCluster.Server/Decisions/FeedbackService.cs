using System.Security.Claims;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Decisions;

/// <summary>
/// Feedback on decisions. An engineer's feedback has effect at once. A good part of an operator is checked first, in the background, and
/// waits for an engineer if it could make the line miss defects. Nothing is overwritten: feedback can be taken back, and both are recorded.
/// </summary>
public sealed partial class FeedbackService(FeedbackLog feedbacks, DecisionLog log, IGalleryServices services, FeedbackTrial trial,
    Recalibration recalibration, AuditLog audit, TimeProvider clock, IHostApplicationLifetime life, ILogger<FeedbackService> logger)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), LongestWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1);
    private readonly Lock _gate = new();

    /// <summary>Completes with the last check of the feedback given so far; never fails.</summary>
    internal Task Checks { get; private set; } = Task.CompletedTask;

    /// <summary>Records feedback. Good: the photograph becomes a normal if no rule is against it, and thresholds are learned
    /// again.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: this decision has valid feedback. NotFound: good, but the photograph is no
    /// longer kept.</exception>
    internal async Task<Feedback> GiveAsync(Decision decision, FeedbackKind kind, string note, ClaimsPrincipal user,
        CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        string category = decision.Score.Category, caller = user.CallerName();
        byte[]? photograph = kind == FeedbackKind.Good ? log.Image(decision.Id) : null;
        bool known = user.Is(Role.Engineer);
        var feedback = await feedbacks.InsertAsync(new Feedback(0, decision.Id, clock.GetUtcNow(), caller, kind, note, null, null, null,
            photograph is null ? FeedbackStatus.Noted : FeedbackStatus.Checking));
        if (photograph is not null && known)
        {
            try
            {
                feedback = await AddAsync(feedback, decision, photograph, caller, FeedbackStatus.Checking, cancellationToken);
            }
            catch
            {
                // It was not acknowledged.
                await feedbacks.DeleteAsync(feedback);
                throw;
            }
        }
        try
        {
            await audit.WriteAsync(caller, $"feedback {kind}".ToLowerInvariant(), category,
                $"decision {decision.Id}{(feedback.ImageId is { } added ? $", added {added}" : "")}");
        }
        finally
        {
            // Also without an audit entry: the feedback is recorded, and nobody can give it again.
            if (feedback.Status == FeedbackStatus.Checking) Check(feedback, decision);
        }
        return feedback;
    }

    /// <summary>Takes feedback back; a normal that it added is retired.</summary>
    /// <exception cref="SpadeException">NotFound: no such valid feedback. FailedPrecondition: retiring the normal would change a threshold
    /// too much.</exception>
    /// <exception cref="OutOfScopeException">An operator may take back only their own feedback, and only if no engineer has approved
    /// it.</exception>
    internal async Task<Feedback> UndoAsync(Decision decision, long id, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        var feedback = feedbacks.Standing(decision.Id, id);
        string category = decision.Score.Category, caller = user.CallerName(), reason = $"feedback on decision {decision.Id} taken back";
        bool engineer = user.Is(Role.Engineer);
        if (!engineer && feedback.Caller != caller)
            throw new OutOfScopeException("an operator may take back their own feedback only: ask an engineer");
        if (!engineer && feedback.DecidedBy is { } approver)
            throw new OutOfScopeException($"{approver} approved this feedback: ask an engineer to take it back");
        if (feedback.ImageId is { } added)
        {
            var galleries = services.For(caller);
            if (!engineer) await trial.RemoveAsync(category, added, reason, caller);
            else if ((await galleries.GetAsync(category, cancellationToken)).Images.Any(i => i.Id.ToString() == added))
                await recalibration.AfterAsync(category, caller, () => galleries.RetireAsync(category, [added], reason, cancellationToken));
        }
        var undone = feedback with { Undone = clock.GetUtcNow(), UndoneBy = caller };
        if (!await feedbacks.UpdateAsync(undone, feedback.Status)) throw Changed(feedback);
        await audit.WriteAsync(caller, "feedback undo", category, $"decision {decision.Id}, feedback {id}");
        return undone;
    }

    /// <summary>Feedback that waits for an engineer, the oldest first.</summary>
    /// <param name="category">Null: of every category.</param>
    public IReadOnlyList<WaitingFeedback> Waiting(string? category = null)
        => [.. feedbacks.With(FeedbackStatus.Waiting, category).Select(f => new WaitingFeedback(f, log.Get(f.Decision)))];

    /// <summary>Approves feedback: the photograph becomes a normal.</summary>
    /// <exception cref="SpadeException">NotFound: no such feedback, or its photograph is no longer kept. FailedPrecondition: it does not
    /// wait.</exception>
    internal async Task<Feedback> ApproveAsync(Decision decision, long id, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        var feedback = await AddAsync(StandsWaiting(decision.Id, id) with { DecidedBy = user.CallerName() }, decision,
            log.Image(decision.Id),
            user.CallerName(), FeedbackStatus.Waiting, cancellationToken);
        await audit.WriteAsync(user.CallerName(), "feedback approve", decision.Score.Category,
            $"decision {decision.Id}, feedback {id}, added {feedback.ImageId ?? "nothing: it was a normal"}");
        return feedback;
    }

    /// <summary>Refuses feedback, which is then no longer valid.</summary>
    /// <inheritdoc cref="ApproveAsync"/>
    internal async Task<Feedback> RefuseAsync(Decision decision, long id, string reason, ClaimsPrincipal user,
        CancellationToken cancellationToken)
    {
        using var turn = await TurnAsync(cancellationToken);
        string caller = user.CallerName();
        var refused = StandsWaiting(decision.Id, id) with
        {
            Status = FeedbackStatus.Refused,
            DecidedBy = caller,
            Undone = clock.GetUtcNow(),
            UndoneBy = caller
        };
        if (!await feedbacks.UpdateAsync(refused, FeedbackStatus.Waiting)) throw Changed(refused);
        await audit.WriteAsync(caller, "feedback refuse", decision.Score.Category, $"decision {decision.Id}, feedback {id}: {reason}");
        return refused;
    }

    /// <summary>Continues the checks that the previous server process did not complete; never fails.</summary>
    public async Task ResumeAsync()
    {
        try
        {
            foreach (var feedback in feedbacks.With(FeedbackStatus.Checking))
            {
                var decision = log.Get(feedback.Decision);
                try
                {
                    await trial.WithdrawAsync(decision.Score.Category, decision.Score.ImageId, feedback.Caller);
                }
                catch (Exception e)
                {
                    LogNotChecked(e, feedback.Decision);
                }
                Check(feedback, decision);
            }
        }
        catch (Exception e)
        {
            LogNotResumed(e);
        }
    }

    private void Check(Feedback feedback, Decision decision)
    {
        lock (_gate) Checks = AfterAsync(Checks);

        async Task AfterAsync(Task before)
        {
            await before;
            await Task.Run(() => CheckAsync(feedback, decision));
        }
    }

    /// <summary>Never fails, because the next checks wait for it.</summary>
    private async Task CheckAsync(Feedback feedback, Decision decision)
    {
        string category = decision.Score.Category;
        try
        {
            var (image, objection) = await TryAsync(feedback, decision);
            var done = objection is null ? feedback with { Status = FeedbackStatus.Added, ImageId = image }
                : feedback with { Status = FeedbackStatus.Waiting, Why = objection };
            if (await RecordAsync(done))
                await audit.WriteAsync(feedback.Caller, objection is null ? "feedback added" : "feedback waiting", category,
                    $"decision {decision.Id}, feedback {feedback.Id}: {objection ?? image ?? "it was a normal already"}");
            else if (image is not null && feedbacks.Of(decision.Id).Any(f => f.Id == feedback.Id && f.Undone is not null))
                await trial.RemoveAsync(category, image, $"feedback on decision {decision.Id} taken back", feedback.Caller);
        }
        catch (OperationCanceledException) when (life.ApplicationStopping.IsCancellationRequested)
        {
            // The server stops; the next process continues.
        }
        catch (Exception e)
        {
            LogNotChecked(e, decision.Id);
        }
    }

    /// <returns>As <see cref="FeedbackTrial.AddAsync"/>; a failure is an objection.</returns>
    private async Task<(string? ImageId, string? Objection)> TryAsync(Feedback feedback, Decision decision)
    {
        try
        {
            var said = feedbacks.OfPhotograph(decision.Score.Category, decision.Digest);
            return await trial.AddAsync(decision.Score.Category, Source(decision, log.Image(decision.Id)), said, feedback.Caller);
        }
        catch (Exception e) when (!life.ApplicationStopping.IsCancellationRequested)
        {
            LogNotChecked(e, decision.Id);
            return (null, e is SpadeException ? e.Message : "an unexpected error; the server's log has it");
        }
    }

    /// <summary>Records the outcome of a check. Waits while the database cannot be written: the next outcomes could not be recorded
    /// either.</summary>
    /// <returns>Whether the feedback was still being checked.</returns>
    private async Task<bool> RecordAsync(Feedback done)
    {
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                return await feedbacks.UpdateAsync(done, FeedbackStatus.Checking);
            }
            catch (SpadeException e) when (e.Error == SpadeError.Unavailable)
            {
                LogNotRecorded(done.Decision, e.Message);
                await Task.Delay(wait, clock, life.ApplicationStopping);
            }
        }
    }

    /// <summary>Makes the photograph a normal for an engineer.</summary>
    private async Task<Feedback> AddAsync(Feedback feedback, Decision decision, byte[] photograph, string caller, FeedbackStatus before,
        CancellationToken cancellationToken)
    {
        string category = decision.Score.Category;
        AddOutcome? outcome = null;
        await recalibration.AfterAsync(category, caller, () => services.For(caller).AddAsync(category, [Source(decision, photograph)],
            new InlineProgress<AddOutcome>(o => outcome = o), cancellationToken: cancellationToken));
        if (outcome?.Status == AddStatus.Failed)
            throw new SpadeException(SpadeError.InvalidArgument, outcome.Problem ?? "the photograph could not be added");
        var added = feedback with
        {
            Status = FeedbackStatus.Added,
            ImageId = outcome?.Status == AddStatus.Added ? outcome.Id.ToString() : null
        };
        return await feedbacks.UpdateAsync(added, before) ? added : throw Changed(feedback);
    }

    private static ImageSource Source(Decision decision, byte[] photograph)
        => new($"decision-{decision.Id}-{decision.Score.File}", photograph);

    private Feedback StandsWaiting(long decision, long id) => feedbacks.Standing(decision, id) is { Status: FeedbackStatus.Waiting } waiting
        ? waiting : throw new SpadeException(SpadeError.FailedPrecondition,
            $"feedback {id} on decision {decision} does not wait for an engineer; /v1/feedback/waiting lists the feedback that does");

    private static SpadeException Changed(Feedback feedback) => new(SpadeError.FailedPrecondition,
        $"feedback {feedback.Id} has been changed by somebody else: look at it again");

    /// <summary>One feedback at a time: a gallery has one writer, and an unfinished addition cannot be taken back.</summary>
    private async Task<IDisposable> TurnAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        return new Turn(_one);
    }

    private sealed class Turn(SemaphoreSlim one) : IDisposable
    {
        public void Dispose() => one.Release();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the feedback on decision {Decision} could not be checked")]
    private partial void LogNotChecked(Exception exception, long decision);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the check of feedback on decision {Decision} is not recorded yet: {Reason}")]
    private partial void LogNotRecorded(long decision, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the unfinished checks of feedback could not be continued")]
    private partial void LogNotResumed(Exception exception);
}
