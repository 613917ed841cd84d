using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.TestSets;

namespace SpadeCluster.Server.Comparison;

/// <summary>/v1/galleries/CATEGORY/comparison: two versions, of this category or one of another, over the same photographs.</summary>
internal static class ComparisonEndpoints
{
    public static void MapComparison(this IEndpointRouteBuilder app)
    {
        var comparison = app.MapGroup("/galleries/{category}/comparison").WithTags("galleries");
        comparison.Post("/", StartAsync).RequireAuthorization(nameof(Role.Engineer))
            .TakesTestSet(isOptional: true).Produces<ComparisonResult>(StatusCodes.Status202Accepted)
            .Describe("startComparison", "Scores photographs with version a and with version b, of this category or of the category "
            + "'with', in the background, only while no other photograph is scored; a comparison that runs is stopped. It changes nothing. "
            + "A version that is not named is the one that decides. Without a body: the photographs of the newest decisions of this "
            + "category. With a form: a test set.", 404, 409);
        comparison.Get("/", (string category, HttpContext context, VersionComparison comparisons) =>
            Results.Json(Find(category, context, comparisons), ServerJson.Options)).RequireAuthorization(nameof(Role.Viewer))
            .Produces<ComparisonResult>()
            .Describe("getComparison", "The last comparison of this category, also while it runs: then 'done' of 'of' photographs are "
            + "scored.", 400, 404);
        comparison.Get("/{index:int}/{side}", Picture).RequireAuthorization(nameof(Role.Viewer))
            .SendsBytes("image/jpeg")
            .Describe("getComparisonPicture", "A photograph of 'changed', counted from 0, with the map of one side, a or b.", 400, 404);
    }

    private static async Task<IResult> StartAsync(string category, HttpContext context, VersionComparison comparisons,
        AdmissionControl admission, ServerOptions options, AuditLog audit, int? a = null, int? b = null, string? with = null,
        int count = VersionComparison.DefaultPhotographs)
    {
        context.User.Require(CategoryName.Check(category));
        if (with is not null) context.User.Require(CategoryName.Check(with));
        var (first, second) = (new ComparedVersion(category, a), new ComparedVersion(with ?? category, b));
        ComparisonResult begun;
        if (context.Request.HasFormContentType)
        {
            using var place = admission.Admit(context.Request, options);
            var set = await TestSetBody.ReadAsync(context.Request, options);
            begun = await comparisons.StartAsync(first, second, set, context.RequestAborted);
        }
        else
        {
            begun = await comparisons.StartAsync(first, second, count, context.RequestAborted);
        }
        string other = begun.CategoryB == category ? "" : $" of {begun.CategoryB}";
        await audit.WriteAsync(context.User.CallerName(), "compare", category,
            $"versions {begun.A} and {begun.B}{other}, {begun.Of} photographs");
        return Results.Json(begun, ServerJson.Options, statusCode: StatusCodes.Status202Accepted);
    }

    private static IResult Picture(string category, int index, string side, HttpContext context, VersionComparison comparisons)
    {
        var part = Find(category, context, comparisons).Changed.ElementAtOrDefault(index);
        byte[]? picture = side switch { "a" => part?.PictureA, "b" => part?.PictureB, _ => null };
        return picture is null
            ? throw new SpadeException(SpadeError.NotFound, $"the last comparison has no picture {index} of a side '{side}'")
            : Results.Bytes(picture, "image/jpeg");
    }

    private static ComparisonResult Find(string category, HttpContext context, VersionComparison comparisons)
    {
        var result = comparisons.Find(category)
            ?? throw new SpadeException(SpadeError.NotFound, $"no versions of '{category}' were compared since the server started");
        context.User.Require(result.CategoryB);
        return result;
    }
}
