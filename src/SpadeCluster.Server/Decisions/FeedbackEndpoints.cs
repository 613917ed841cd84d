using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Decisions;

/// <summary>Feedback on decisions: operators give it and take it back, engineers approve or refuse it if it waits.</summary>
internal static class FeedbackEndpoints
{
    public static void MapFeedback(this IEndpointRouteBuilder app)
    {
        var feedback = app.MapGroup("/results/{id:long}/feedback").WithTags("feedback");
        feedback.Get("/", (long id, HttpContext context, DecisionLog log, FeedbackLog feedbacks) =>
            Results.Json(feedbacks.Of(ResultEndpoints.Visible(id, context, log).Id), ServerJson.Options))
            .RequireAuthorization(nameof(Role.Viewer)).Produces<IReadOnlyList<Feedback>>()
            .Describe("listFeedback", "All feedback on a decision, with what was taken back.", 404);
        feedback.Post("/", (long id, FeedbackRequest request, HttpContext c, DecisionLog log, FeedbackService s) =>
            AnswerAsync(s.GiveAsync(ResultEndpoints.Visible(id, c, log), request.Kind, SentImage.Harmless(request.Note, ""), c.User,
                c.RequestAborted)))
            .RequireAuthorization(nameof(Role.Operator)).Produces<Feedback>()
            .Describe("giveFeedback", "'good' makes the photograph a normal. An operator's feedback is checked first, and waits for an "
            + "engineer if it could make the line miss defects. 'defect' records that the part is a defect, with any verdict.", 404, 409,
            507);
        feedback.Delete("/{feedback:long}", (long id, long feedback, HttpContext c, DecisionLog log, FeedbackService s) =>
            AnswerAsync(s.UndoAsync(ResultEndpoints.Visible(id, c, log), feedback, c.User, c.RequestAborted)))
            .RequireAuthorization(nameof(Role.Operator)).Produces<Feedback>()
            .Describe("undoFeedback", "Takes feedback back (operators: their own only); a normal that it added is retired.", 404, 409, 507);
        feedback.Post("/{feedback:long}/approve", (long id, long feedback, HttpContext c, DecisionLog log, FeedbackService s) =>
            AnswerAsync(s.ApproveAsync(ResultEndpoints.Visible(id, c, log), feedback, c.User, c.RequestAborted)))
            .RequireAuthorization(nameof(Role.Engineer)).Produces<Feedback>()
            .Describe("approveFeedback", "Approves waiting feedback: the photograph becomes a normal, and thresholds are learned again.",
                404, 409, 507);
        feedback.Post("/{feedback:long}/refuse",
            (long id, long feedback, RefuseRequest request, HttpContext c, DecisionLog log, FeedbackService s) =>
            AnswerAsync(s.RefuseAsync(ResultEndpoints.Visible(id, c, log), feedback, GalleryEndpoints.Reason(request.Reason), c.User,
                c.RequestAborted)))
            .RequireAuthorization(nameof(Role.Engineer)).Produces<Feedback>()
            .Describe("refuseFeedback", "Refuses waiting feedback, with a reason.", 404, 409, 507);
        app.Get("/feedback/waiting", (HttpContext context, FeedbackService service, string? category = null) =>
        {
            if (category is not null) context.User.Require(category);
            return Results.Json(service.Waiting(category).Where(w => context.User.May(w.Decision.Score.Category)), ServerJson.Options);
        }).RequireAuthorization(nameof(Role.Viewer)).Produces<IReadOnlyList<WaitingFeedback>>().WithTags("feedback")
            .Describe("listWaitingFeedback", "Feedback that waits for an engineer to approve or refuse it, the oldest first.");
    }

    private static async Task<IResult> AnswerAsync(Task<Feedback> feedback) => Results.Json(await feedback, ServerJson.Options);
}

internal sealed record FeedbackRequest(FeedbackKind Kind, string? Note = null);
internal sealed record RefuseRequest(string Reason);
