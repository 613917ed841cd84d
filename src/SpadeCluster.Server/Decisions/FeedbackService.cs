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
    private readonly SemaphoreSlim _one = new(1);
    private readonly Lock _gate = new();

    /// <summary>Completes with the last check of the feedback given so far.</summary>
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
        await audit.WriteAsync(caller, $"feedback {kind}".ToLowerInvariant(), category,
            $"decision {decision.Id}{(feedback.ImageId is { } added ? $", added {added}" : "")}");
        if (feedback.Status == FeedbackStatus.Checking) Check(feedback);
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

    /// <summary>Continues the checks that the previous server process did not complete.</summary>
    public async Task ResumeAsync()
    {
        foreach (var feedback in feedbacks.With(FeedbackStatus.Checking))
        {
            var decision = log.Get(feedback.Decision);
            try
            {
                await trial.WithdrawAsync(decision.Score.Category, decision.Score.ImageId, feedback.Caller);
            }
            catch (SpadeException e)
            {
                LogNotChecked(e, feedback.Decision);
            }
            Check(feedback);
        }
    }

    private void Check(Feedback feedback)
    {
        lock (_gate) Checks = AfterAsync(Checks);

        async Task AfterAsync(Task before)
        {
            await before;
            await Task.Run(() => CheckAsync(feedback));
        }
    }

    private async Task CheckAsync(Feedback feedback)
    {
        string? objection, image = null;
        var decision = log.Get(feedback.Decision);
        string category = decision.Score.Category;
        try
        {
            var said = feedbacks.OfPhotograph(category, decision.Digest);
            (image, objection) = await trial.AddAsync(category, Source(decision, log.Image(decision.Id)), said, feedback.Caller);
        }
        catch (OperationCanceledException) when (life.ApplicationStopping.IsCancellationRequested)
        {
            // The server stops; the next process continues.
            return;
        }
        catch (Exception e)
        {
            LogNotChecked(e, decision.Id);
            objection = e is SpadeException ? e.Message : "an unexpected error; the server's log has it";
        }
        var done = objection is null ? feedback with { Status = FeedbackStatus.Added, ImageId = image }
            : feedback with { Status = FeedbackStatus.Waiting, Why = objection };
        if (await feedbacks.UpdateAsync(done, FeedbackStatus.Checking))
            await audit.WriteAsync(feedback.Caller, objection is null ? "feedback added" : "feedback waiting", category,
                $"decision {decision.Id}, feedback {feedback.Id}: {objection ?? image ?? "it was a normal already"}");
        else if (image is not null)
            await trial.RemoveAsync(category, image, $"feedback on decision {decision.Id} taken back", feedback.Caller);
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
}
