using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Notices;

/// <summary>/v1/notices.</summary>
internal static class NoticeEndpoints
{
    public static void MapNotices(this IEndpointRouteBuilder app) => app.Get("/notices", async (HttpContext context,
        NoticeService notices, string? category = null) =>
    {
        if (category is null) return Results.Json(notices.Standing(context.User.Scope()), ServerJson.Options);
        context.User.Require(CategoryName.Check(category));
        return Results.Json(await notices.LookAsync(category, context.RequestAborted), ServerJson.Options);
    }).RequireAuthorization(nameof(Role.Viewer)).Produces<IReadOnlyList<Notice>>().WithTags("server")
        .Describe("listNotices", "Messages that require a person's action: a code, a sentence, and what to do next. Also sent as 'notice' "
        + "events of /v1/results/live.", 400);
}
