using SpadeCluster.Server.Admission;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Scoring;

/// <summary>POST /v1/score and /v1/score/batch.</summary>
internal static class ScoreEndpoints
{
    public static void MapScoring(this IEndpointRouteBuilder app)
    {
        app.Post("/score", ScoreOneAsync).RequireAuthorization(nameof(Role.Operator)).Produces<Decision>().WithTags("scoring")
            .Describe("score", "Scores one photograph: an image file as the body, raw pixels with X-Pixel-Format headers, or a multipart "
            + "form.", 404, 409, 507)
            .Accepts<Stream>("application/octet-stream", "image/*", "multipart/form-data").TakesPhotographs(many: false, pixels: true)
            .SendsHeader("Location", JsonSchemaType.String, "The decision's address.");
        app.Post("/score/batch", ScoreManyAsync).RequireAuthorization(nameof(Role.Operator)).WithTags("scoring")
            .Describe("scoreBatch", "Scores many photographs of a multipart form: one line of JSON for each, in order; a bad file is "
            + "reported and the others are scored.", 404, 409, 507)
            .Accepts<Stream>("multipart/form-data").TakesPhotographs(many: true).Produces<string>(200, "application/x-ndjson");
    }

    private static async Task<IResult> ScoreOneAsync(string category, [AsParameters] SentMetadata sent, HttpContext context,
        DecisionService decisions,
        AdmissionControl admission, ServerOptions options, CancellationToken cancellation)
    {
        context.User.Require(CategoryName.Check(category));
        var metadata = sent.Read();
        using var place = admission.Admit(context.Request, options);
        var image = (await SentImage.ReadAsync(context.Request, 1, cancellation))[0].With(metadata);
        var (_, decision) = await decisions.ScoreAsync(category, image, context.User.CallerName(), cancellation);
        context.Response.Headers.Location = $"/v1/results/{decision.Id}";
        return Results.Json(decision, ServerJson.Options);
    }

    private static async Task ScoreManyAsync(string category, [AsParameters] SentMetadata sent, HttpContext context,
        DecisionService decisions,
        AdmissionControl admission, ServerOptions options, CancellationToken cancellation)
    {
        context.User.Require(CategoryName.Check(category));
        var metadata = sent.Read();
        using var place = admission.Admit(context.Request, options);
        var images = await SentImage.ReadAsync(context.Request, options.MaxBatch, cancellation);
        // Scored in parallel as far as slots allow, answered in order.
        var scores = images.Select(i => ScoreAsync(i)).ToArray();
        try
        {
            // A problem of all images, such as an unknown category, is an error of the request.
            if (await scores[0] is SpadeException { Error: SpadeError.NotFound or SpadeError.FailedPrecondition } common) throw common;
            context.Response.ContentType = "application/x-ndjson";
            for (int i = 0; i < scores.Length; i++)
            {
                object answer = await scores[i] is Exception e ? new FailedImage(images[i].Name, e.Message) : scores[i].Result;
                await context.Response.WriteAsync(JsonSerializer.Serialize(answer, answer.GetType(), ServerJson.Options) + "\n",
                    cancellation);
                await context.Response.Body.FlushAsync(cancellation);
            }
        }
        finally
        {
            await ((Task)Task.WhenAll(scores)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<object> ScoreAsync(SentImage image)
        {
            try
            {
                return (await decisions.ScoreAsync(category, image.With(metadata), context.User.CallerName(), cancellation)).Decision;
            }
            catch (SpadeException e)
            {
                return e;
            }
        }
    }
}

/// <summary>An image of a batch that could not be scored.</summary>
internal sealed record FailedImage(string File, string Error);
