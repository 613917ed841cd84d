using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Reports;

/// <summary>/v1/reports.</summary>
internal static class ReportEndpoints
{
    public static void MapReports(this IEndpointRouteBuilder app) => app.Get("/reports/shift", ShiftAsync)
        .RequireAuthorization(nameof(Role.Viewer)).Produces<ShiftReport>().Produces<string>(200, "text/html").WithTags("results")
        .Describe("getShiftReport", "What happened in a shift, on a line, or in any other time: counts, where defects fall on the part, "
        + "the highest scores, reports of people, drift of scores, open notices. format=html: a file that stands alone, in one of the "
        + "console's languages (language=de). Without 'since' it is about 24 hours, without 'until' up to the newest decision.", 400);

    private static async Task<IResult> ShiftAsync(HttpContext context, ShiftReporter reporter, DecisionPictures pictures,
        [AsParameters] DecisionQuery query, string format = "json", string language = "en")
    {
        if (format is not ("json" or "html")) throw new SpadeException(SpadeError.InvalidArgument, "format is 'json' or 'html'");
        var report = await reporter.MakeAsync(query.Read(context.User), context.RequestAborted);
        if (format == "json") return Results.Json(report, ServerJson.Options);
        string html = await ShiftReportHtml.RenderAsync(report, pictures, $"{context.Request.Scheme}://{context.Request.Host}",
            language);
        // A download, because a page of the console may not have a style of its own.
        return Results.File(Encoding.UTF8.GetBytes(html), "text/html; charset=utf-8", ShiftReportHtml.FileName(report));
    }
}
