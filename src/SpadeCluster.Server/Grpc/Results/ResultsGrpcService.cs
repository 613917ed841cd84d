using Google.Protobuf;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Grpc.Scoring;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;
using Feedback = Spade.V1.Feedback;

namespace SpadeCluster.Server.Grpc.Results;

/// <summary>spade.v1.Results: the decision log and feedback, as over HTTP.</summary>
internal sealed class ResultsGrpcService(DecisionLog log, DecisionStatistics statistics, FeedbackLog feedbacks, FeedbackService service)
    : Spade.V1.Results.ResultsBase
{
    private const int UsualPage = 50;

    public override Task<ListDecisionsResponse> ListDecisions(ListDecisionsRequest request, ServerCallContext context)
    {
        int size = PageToken.Size(request.PageSize, UsualPage, SpadeCluster.Server.Decisions.DecisionFilter.MaxLimit);
        var list = new ListDecisionsRequest { Filter = request.Filter };
        var filter = Filter(request.Filter, context) with { Before = PageToken.Read(list, request.PageToken)?.First, Limit = size };
        var found = log.Find(filter);
        return Task.FromResult(new ListDecisionsResponse
        {
            Decisions = { found.Select(ResultMapping.ToMessage) },
            // New decisions have higher ids, so they move none of the pages.
            NextPageToken = found.Count < size ? "" : PageToken.Write(list, found[^1].Id),
        });
    }

    public override Task<Spade.V1.Decision> GetDecision(GetDecisionRequest request, ServerCallContext context)
        => Task.FromResult(ResultMapping.ToMessage(Visible(request.Id, context)));

    public override Task<Counts> GetCounts(GetCountsRequest request, ServerCallContext context)
        => Task.FromResult(ResultMapping.ToMessage(statistics.Count(Filter(request.Filter, context))));

    public override Task<Photograph> GetPhotograph(GetPhotographRequest request, ServerCallContext context)
        => Task.FromResult(new Photograph { Data = UnsafeByteOperations.UnsafeWrap(log.Image(Visible(request.Id, context).Id)) });

    public override Task<AnomalyMap> GetMap(GetMapRequest request, ServerCallContext context)
    {
        var map = log.Map(Visible(request.Id, context).Id);
        return Task.FromResult(ScoreMapping.ToMessage(map.Width, map.Height, map.Values));
    }

    public override Task<ListFeedbackResponse> ListFeedback(ListFeedbackRequest request, ServerCallContext context)
        => Task.FromResult(new ListFeedbackResponse
        {
            Feedback = { feedbacks.Of(Visible(request.Decision, context).Id).Select(ResultMapping.ToMessage) },
        });

    public override Task<ListWaitingFeedbackResponse> ListWaitingFeedback(ListWaitingFeedbackRequest request, ServerCallContext context)
    {
        var user = context.GetHttpContext().User;
        if (request.HasCategory) user.Require(CategoryName.Check(request.Category));
        var waiting = service.Waiting(request.HasCategory ? request.Category : null).Where(w => user.May(w.Decision.Score.Category));
        return Task.FromResult(new ListWaitingFeedbackResponse
        {
            Waiting =
            {
                waiting.Select(w => new Spade.V1.WaitingFeedback
                {
                    Feedback = ResultMapping.ToMessage(w.Feedback),
                    Decision = ResultMapping.ToMessage(w.Decision),
                }),
            },
        });
    }

    public override Task<Feedback> GiveFeedback(GiveFeedbackRequest request, ServerCallContext context)
        => AnswerAsync(service.GiveAsync(Visible(request.Decision, context), ResultMapping.ToKind(request.Kind),
            SentImage.Harmless(request.Note, ""), context.GetHttpContext().User, context.CancellationToken));

    public override Task<Feedback> UndoFeedback(UndoFeedbackRequest request, ServerCallContext context)
        => AnswerAsync(service.UndoAsync(Visible(request.Decision, context), request.Feedback, context.GetHttpContext().User,
            context.CancellationToken));

    public override Task<Feedback> ApproveFeedback(ApproveFeedbackRequest request, ServerCallContext context)
        => AnswerAsync(service.ApproveAsync(Visible(request.Decision, context), request.Feedback, context.GetHttpContext().User,
            context.CancellationToken));

    public override Task<Feedback> RefuseFeedback(RefuseFeedbackRequest request, ServerCallContext context)
        => AnswerAsync(service.RefuseAsync(Visible(request.Decision, context), request.Feedback,
            GalleryEndpoints.Reason(request.Reason), context.GetHttpContext().User, context.CancellationToken));

    private static async Task<Feedback> AnswerAsync(Task<SpadeCluster.Server.Decisions.Feedback> feedback)
        => ResultMapping.ToMessage(await feedback);

    private static SpadeCluster.Server.Decisions.DecisionFilter Filter(Spade.V1.DecisionFilter? filter, ServerCallContext context)
        => ResultMapping.ToQuery(filter).Read(context.GetHttpContext().User);

    private SpadeCluster.Server.Decisions.Decision Visible(long id, ServerCallContext context)
        => ResultEndpoints.Visible(id, context.GetHttpContext(), log);
}
