using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Console;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.TestSets;

namespace SpadeCluster.Server.Evaluations;

/// <summary>/v1/galleries/CATEGORY/evaluation: a labelled test set, scored by the version that decides.</summary>
internal static class EvaluationEndpoints
{
    public static void MapEvaluation(this IEndpointRouteBuilder app)
    {
        var evaluation = app.MapGroup("/galleries/{category}/evaluation").WithTags("galleries");
        evaluation.Post("/", StartAsync).RequireAuthorization(nameof(Role.Engineer))
            .TakesTestSet().Produces<EvaluationResult>(StatusCodes.Status202Accepted)
            .Describe("startEvaluation", "Scores a labelled test set with the version that decides, in the background, only while no other "
            + "photograph is scored; an evaluation that runs is stopped. It changes nothing.", 404, 409);
        evaluation.Get("/", GetAsync).RequireAuthorization(nameof(Role.Viewer))
            .Produces<EvaluationResult>().Produces<string>(200, "text/html")
            .Describe("getEvaluation", "The last evaluation of this category, also while it runs: then 'done' of 'of' photographs are "
            + "scored, and figures come at the end. format=html: a file that stands alone, in one of the console's languages "
            + "(language=de).", 400, 404);
        evaluation.Get("/{index:int}", Picture).RequireAuthorization(nameof(Role.Viewer)).SendsBytes("image/jpeg")
            .Describe("getEvaluationPicture", "A photograph of 'mistakes', counted from 0, with its map.", 400, 404);
    }

    private static async Task<IResult> StartAsync(string category, HttpContext context, CategoryEvaluation evaluations,
        AdmissionControl admission, ServerOptions options, AuditLog audit)
    {
        context.User.Require(CategoryName.Check(category));
        using var place = admission.Admit(context.Request, options);
        var set = await TestSetBody.ReadAsync(context.Request, options);
        var begun = await evaluations.StartAsync(category, set, context.RequestAborted);
        await audit.WriteAsync(context.User.CallerName(), "evaluate", category, $"version {begun.Version}, {begun.Of} photographs");
        return Results.Json(begun, ServerJson.Options, statusCode: StatusCodes.Status202Accepted);
    }

    private static async Task<IResult> GetAsync(string category, CategoryEvaluation evaluations, string format = "json",
        string language = "en")
    {
        if (format is not ("json" or "html")) throw new SpadeException(SpadeError.InvalidArgument, "format is 'json' or 'html'");
        var result = Find(category, evaluations);
        if (format == "json") return Results.Json(result, ServerJson.Options);
        string html = await Html.RenderAsync<EvaluationDocument>(language, new() { [nameof(EvaluationDocument.Result)] = result });
        // A download, because a page of the console may not have a style of its own.
        return Results.File(Encoding.UTF8.GetBytes(html), "text/html; charset=utf-8",
            $"evaluation-{category}-{result.Version}-{result.Time:yyyy-MM-dd-HHmm}.html");
    }

    private static IResult Picture(string category, int index, CategoryEvaluation evaluations)
        => Find(category, evaluations).Mistakes.ElementAtOrDefault(index) is { } part ? Results.Bytes(part.Picture, "image/jpeg")
            : throw new SpadeException(SpadeError.NotFound, $"the last evaluation has no picture {index}");

    private static EvaluationResult Find(string category, CategoryEvaluation evaluations) => evaluations.Find(category)
        ?? throw new SpadeException(SpadeError.NotFound, $"'{category}' was not evaluated since the server started");
}
