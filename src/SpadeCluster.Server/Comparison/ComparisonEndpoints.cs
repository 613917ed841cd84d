using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Comparison;

/// <summary>/v1/galleries/CATEGORY/comparison: two versions over the same photographs.</summary>
internal static class ComparisonEndpoints
{
    public static void MapComparison(this IEndpointRouteBuilder app)
    {
        var comparison = app.MapGroup("/galleries/{category}/comparison").WithTags("galleries");
        comparison.MapPost("/", StartAsync).RequireAuthorization(nameof(Role.Engineer))
            .Accepts<IFormFileCollection>(isOptional: true, "multipart/form-data")
            .Produces<ComparisonResult>(StatusCodes.Status202Accepted)
            .Describe("startComparison", "Scores photographs with versions a and b, in the background, only while no other photograph is "
            + "scored; a comparison that runs is stopped. It changes nothing. Without a body: the photographs of the newest decisions. "
            + "With a form: a test set, whose parts are named 'good' or 'defect'.", 404, 409);
        comparison.MapGet("/", (string category, VersionComparison comparisons) =>
            Results.Json(Find(category, comparisons), ServerJson.Options)).RequireAuthorization(nameof(Role.Viewer))
            .Produces<ComparisonResult>()
            .Describe("getComparison", "The last comparison of this category, also while it runs: done of of.", 400, 404);
        comparison.MapGet("/{index:int}/{version:int}", Picture).RequireAuthorization(nameof(Role.Viewer))
            .SendsBytes("image/jpeg")
            .Describe("getComparisonPicture", "A photograph of 'changed', counted from 0, with the map of one of the versions.", 400, 404);
    }

    private static async Task<IResult> StartAsync(string category, int a, int b, HttpContext context, VersionComparison comparisons,
        AdmissionControl admission, ServerOptions options, AuditLog audit, int count = VersionComparison.DefaultPhotographs)
    {
        context.User.Require(SpadeCluster.Galleries.CategoryName.Check(category));
        ComparisonResult begun;
        if (context.Request.HasFormContentType)
        {
            using var place = admission.Admit(context.Request, options);
            var images = await SentImage.ReadAsync(context.Request, options.MaxBatch, context.RequestAborted);
            begun = await comparisons.StartAsync(category, a, b, images, context.RequestAborted);
        }
        else
        {
            begun = await comparisons.StartAsync(category, a, b, count, context.RequestAborted);
        }
        await audit.WriteAsync(context.User.CallerName(), "compare", category, $"versions {a} and {b}, {begun.Of} photographs");
        return Results.Json(begun, ServerJson.Options, statusCode: StatusCodes.Status202Accepted);
    }

    private static IResult Picture(string category, int index, int version, VersionComparison comparisons)
    {
        var result = Find(category, comparisons);
        var part = result.Changed.ElementAtOrDefault(index);
        byte[]? picture = version == result.A ? part?.PictureA : version == result.B ? part?.PictureB : null;
        return picture is null
            ? throw new SpadeException(SpadeError.NotFound, $"the last comparison has no picture {index} by version {version}")
            : Results.Bytes(picture, "image/jpeg");
    }

    private static ComparisonResult Find(string category, VersionComparison comparisons) => comparisons.Find(category)
        ?? throw new SpadeException(SpadeError.NotFound, $"no versions of '{category}' were compared since the server started");
}
