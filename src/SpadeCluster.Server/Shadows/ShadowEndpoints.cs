using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Shadows;

/// <summary>/v1/galleries/{category}/shadow: the shadow version.</summary>
internal static class ShadowEndpoints
{
    public static void MapShadows(this IEndpointRouteBuilder app)
    {
        var shadow = app.MapGroup("/galleries/{category}/shadow").WithTags("galleries");
        shadow.Get("/", async (string category, HttpContext c, ShadowService shadows) =>
            Results.Json(await shadows.GetAsync(CategoryName.Check(category), c.RequestAborted), ServerJson.Options))
            .Produces<ShadowState>().RequireAuthorization(nameof(Role.Viewer))
            .Describe("getShadow", "How often the verdicts of the shadow version and of the deciding one differ; "
            + "/v1/results?shadow_differs=true lists those decisions.", 400, 404);
        shadow.Post("/", async (string category, ShadowRequest request, HttpContext c, ShadowService shadows) =>
            Results.Json(await shadows.BeginAsync(CategoryName.Check(category), request.Version, request.Share, c.User, c.RequestAborted),
                ServerJson.Options)).Produces<ShadowState>().RequireAuthorization(nameof(Role.Engineer))
            .Describe("beginShadow", "Scores live photographs, or a share of them, with a further version too, which decides nothing.", 404,
                409);
        shadow.Delete("/", async (string category, HttpContext c, ShadowService shadows) =>
            Results.Json(await shadows.EndAsync(CategoryName.Check(category), c.User), ServerJson.Options)).Produces<ShadowState>()
            .RequireAuthorization(nameof(Role.Engineer))
            .Describe("endShadow", "Ends it; the scores that it made are kept with their decisions.", 400, 404);
    }
}

/// <param name="Share">Of the photographs, above 0 and at most 1.</param>
internal sealed record ShadowRequest(int Version, double Share = 1);
