using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grpc.Core;
using Spade.V1;
using ResultsClient = Spade.V1.Results.ResultsClient;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>All decisions of a filter, the newest first, read page by page.</summary>
    public async IAsyncEnumerable<RemoteDecision> FindDecisionsAsync(
        RemoteDecisionFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string? next = null;
        do
        {
            var page = await ListDecisionsAsync(filter, 0, next, cancellationToken);
            foreach (var decision in page.Decisions) yield return decision;
            next = page.Next;
        }
        while (next is not null);
    }

    /// <summary>One page of the decisions of a filter.</summary>
    /// <param name="pageSize">1 to 1000; 0: 50.</param>
    /// <param name="page">The page before names it; null: the first one.</param>
    public async Task<RemoteDecisionPage> ListDecisionsAsync(
        RemoteDecisionFilter filter, int pageSize = 0, string? page = null, CancellationToken cancellationToken = default)
    {
        var request = new ListDecisionsRequest
        {
            Filter = ResultMapping.ToMessage(filter),
            PageSize = pageSize,
            PageToken = page ?? "",
        };
        var answer = await ResultsAsync((c, o) => c.ListDecisionsAsync(request, o), cancellationToken);
        return new RemoteDecisionPage([.. answer.Decisions.Select(ResultMapping.ToDecision)],
            answer.NextPageToken.Length > 0 ? answer.NextPageToken : null);
    }

    public async Task<RemoteDecision> GetDecisionAsync(long id, CancellationToken cancellationToken = default)
        => ResultMapping.ToDecision(await ResultsAsync((c, o) => c.GetDecisionAsync(new GetDecisionRequest { Id = id }, o),
            cancellationToken));

    /// <summary>Counts the decisions of a filter, by default those of the last 24 hours with decisions.</summary>
    public async Task<RemoteCounts> CountDecisionsAsync(RemoteDecisionFilter filter, CancellationToken cancellationToken = default)
    {
        var request = new GetCountsRequest { Filter = ResultMapping.ToMessage(filter) };
        return ResultMapping.ToCounts(await ResultsAsync((c, o) => c.GetCountsAsync(request, o), cancellationToken));
    }

    /// <summary>The photograph's file, as it was sent.</summary>
    public async Task<byte[]> GetPhotographAsync(long decision, CancellationToken cancellationToken = default)
        => (await ResultsAsync((c, o) => c.GetPhotographAsync(new GetPhotographRequest { Id = decision }, o), cancellationToken))
            .Data.ToByteArray();

    /// <summary>The anomaly map, [y][x].</summary>
    public async Task<(int Width, int Height, float[] Values)> GetMapAsync(long decision, CancellationToken cancellationToken = default)
    {
        var map = await ResultsAsync((c, o) => c.GetMapAsync(new GetMapRequest { Id = decision }, o), cancellationToken);
        return (map.Width, map.Height, MemoryMarshal.Cast<byte, float>(map.Values.Span).ToArray());
    }

    /// <summary>The feedback on a decision, the newest first, also what was taken back.</summary>
    public async Task<IReadOnlyList<RemoteFeedback>> ListFeedbackAsync(long decision, CancellationToken cancellationToken = default)
    {
        var request = new ListFeedbackRequest { Decision = decision };
        var answer = await ResultsAsync((c, o) => c.ListFeedbackAsync(request, o), cancellationToken);
        return [.. answer.Feedback.Select(ResultMapping.ToFeedback)];
    }

    /// <summary>Feedback that waits for an engineer, the oldest first.</summary>
    /// <param name="category">Null: of every category that the key allows.</param>
    public async Task<IReadOnlyList<RemoteWaitingFeedback>> ListWaitingFeedbackAsync(
        string? category = null, CancellationToken cancellationToken = default)
    {
        var request = new ListWaitingFeedbackRequest();
        if (category is not null) request.Category = category;
        var answer = await ResultsAsync((c, o) => c.ListWaitingFeedbackAsync(request, o), cancellationToken);
        return [.. answer.Waiting.Select(w =>
            new RemoteWaitingFeedback(ResultMapping.ToFeedback(w.Feedback), ResultMapping.ToDecision(w.Decision)))];
    }

    /// <summary>Gives feedback; good makes the photograph a normal, an operator's after a check.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: the decision has valid feedback, which may be this one if its answer was
    /// lost.</exception>
    public Task<RemoteFeedback> GiveFeedbackAsync(
        long decision, RemoteFeedbackKind kind, string note = "", CancellationToken cancellationToken = default)
    {
        var request = new GiveFeedbackRequest { Decision = decision, Kind = ResultMapping.ToMessage(kind), Note = note };
        return FeedbackAsync((c, o) => c.GiveFeedbackAsync(request, o), cancellationToken);
    }

    /// <summary>Takes feedback back; a normal that it added is retired.</summary>
    public Task<RemoteFeedback> UndoFeedbackAsync(long decision, long feedback, CancellationToken cancellationToken = default)
    {
        var request = new UndoFeedbackRequest { Decision = decision, Feedback = feedback };
        return FeedbackAsync((c, o) => c.UndoFeedbackAsync(request, o), cancellationToken);
    }

    /// <summary>Approves waiting feedback: the photograph becomes a normal.</summary>
    public Task<RemoteFeedback> ApproveFeedbackAsync(long decision, long feedback, CancellationToken cancellationToken = default)
    {
        var request = new ApproveFeedbackRequest { Decision = decision, Feedback = feedback };
        return FeedbackAsync((c, o) => c.ApproveFeedbackAsync(request, o), cancellationToken);
    }

    /// <summary>Refuses waiting feedback, which is then no longer valid.</summary>
    public Task<RemoteFeedback> RefuseFeedbackAsync(
        long decision, long feedback, string reason, CancellationToken cancellationToken = default)
    {
        var request = new RefuseFeedbackRequest { Decision = decision, Feedback = feedback, Reason = reason };
        return FeedbackAsync((c, o) => c.RefuseFeedbackAsync(request, o), cancellationToken);
    }

    private Task<T> ResultsAsync<T>(Func<ResultsClient, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
        => _gateways.CallAsync((c, ct) => call(new ResultsClient(c), Call(ct)).ResponseAsync, cancellationToken);

    private async Task<RemoteFeedback> FeedbackAsync(
        Func<ResultsClient, CallOptions, AsyncUnaryCall<Feedback>> call, CancellationToken cancellationToken)
        => ResultMapping.ToFeedback(await ResultsAsync(call, cancellationToken));
}
