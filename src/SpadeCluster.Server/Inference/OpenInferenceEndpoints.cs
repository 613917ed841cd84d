using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Inference;

/// <summary>
/// Open Inference Protocol v2 over HTTP, with the extensions for binary tensors, model repository and statistics: categories are
/// models. Source: the KServe Open Inference Protocol, and Triton's extensions.
/// </summary>
internal static class OpenInferenceEndpoints
{
    private const string HeaderLength = "Inference-Header-Content-Length", AnyType = "*/*";

    public static void MapOpenInference(this IEndpointRouteBuilder app)
    {
        var v2 = app.MapGroup("/v2").WithTags("Open Inference");
        v2.Get("/health/live", () => Results.Json(new ServerLiveness(true))).Produces<ServerLiveness>()
            .Describe("serverLive", "Whether the process answers.");
        v2.Get("/health/ready", async (Readiness readiness, CancellationToken c) =>
        {
            var report = await readiness.CheckAsync(c);
            return Results.Json(new ServerReadiness(report.IsReady, report.Reasons), statusCode: report.HttpStatus);
        }).Produces<ServerReadiness>().Produces<ServerReadiness>(503)
            .Describe("serverReady", "Whether a photograph would be scored now, with the reasons if not.");
        v2.Get("/", () => Results.Json(InferService.Server)).Produces<ServerDescription>()
            .Describe("serverMetadata", "The server's name, version and extensions.");
        v2.Post("/repository/index", async (IndexRequest? request, HttpContext context, InferService models, CancellationToken c) =>
            Results.Json(await models.IndexAsync(request?.Ready ?? false, context.User, c))).Produces<IReadOnlyList<ModelState>>()
            .RequireAuthorization(nameof(Role.Viewer)).Describe("repositoryIndex", "The models, which are the categories.");
        v2.Get("/models/stats", async (HttpContext context, InferService models, CancellationToken c) =>
            Results.Json(await models.StatisticsAsync(null, null, context.User, c))).Produces<StatisticsAnswer>()
            .RequireAuthorization(nameof(Role.Viewer)).Describe("statistics", "Counts and times of all models since the server's start.");
        foreach (var (path, suffix) in new[] { ("/models/{category}", ""), ("/models/{category}/versions/{version:int}", "Version") })
        {
            v2.Get(path, async (string category, int? version, HttpContext context, InferService models, CancellationToken c) =>
                Results.Json(await models.DescribeAsync(category, version, context.User, c))).Produces<ModelDescription>()
                .RequireAuthorization(nameof(Role.Viewer)).Describe($"model{suffix}Metadata", "A model's tensors.", 400, 404);
            v2.Get(path + "/ready", async (string category, int? version, HttpContext context, InferService models,
                CancellationToken c) =>
                Results.Json(new ModelReadiness(category, await models.IsReadyAsync(category, version, context.User, c))))
                .Produces<ModelReadiness>().RequireAuthorization(nameof(Role.Viewer))
                .Describe($"model{suffix}Ready", "Whether a model has thresholds.", 400, 404);
            v2.Get(path + "/stats", async (string category, int? version, HttpContext context, InferService models,
                CancellationToken c) =>
                Results.Json(await models.StatisticsAsync(category, version, context.User, c))).Produces<StatisticsAnswer>()
                .RequireAuthorization(nameof(Role.Viewer))
                .Describe($"model{suffix}Statistics", "Counts and times of a model since the server's start.", 400, 404);
            v2.Post(path + "/infer", InferAsync).RequireAuthorization(nameof(Role.Operator))
                .Accepts<InferRequest>("application/json", AnyType).Produces<InferAnswer>()
                .Describe($"model{suffix}Infer", "Scores photographs. Tensors are JSON, or bytes after the JSON with the extension for "
                + "binary tensors.", 404, 409, 507)
                .AddOpenApiOperationTransformer(DescribeBytes);
        }
    }

    private static async Task InferAsync(string category, int? version, [AsParameters] SentMetadata sent, HttpContext context,
        InferService models, AdmissionControl admission, ServerOptions options, CancellationToken cancellation)
    {
        context.User.Require(CategoryName.Check(category));
        var metadata = sent.Read();
        using var place = admission.Admit(context.Request, options);
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, cancellation);
        var bytes = body.GetBuffer().AsMemory(0, (int)body.Length);
        int head = bytes.Length;
        if (context.Request.Headers.TryGetValue(HeaderLength, out var length)
            && !(int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out head) && head <= bytes.Length))
            throw InferImages.Invalid($"{HeaderLength} is the number of bytes of the JSON before the tensors");
        var request = JsonSerializer.Deserialize<InferRequest>(bytes.Span[..head], ServerJson.Options);
        if (request?.Inputs is not [{ Name: not null } input]) throw InferImages.Invalid("one input is expected: 'image'");
        if (request.Outputs?.Any(o => o?.Name is null) == true) throw InferImages.Invalid("an output needs a name");
        var images = InferImages.Read(input.Name, input.Datatype, input.Shape ?? [],
            input.Data is { } data ? new JsonValues(data) : new BinaryValues(bytes[head..]), options.MaxBatch);
        if (request.Parameters is { } parameters) metadata = metadata.Or(parameters.Metadata.Check());
        var (gallery, outputs) = await models.InferAsync(category, version, [.. images.Select(i => i.With(metadata))],
            [.. (request.Outputs ?? []).Select(o => o.Name)], context.User, cancellation);

        var tensors = new MemoryStream();
        var answers = new JsonArray();
        foreach (var output in outputs)
        {
            var wanted = request.Outputs?.FirstOrDefault(o => o.Name == output.Name);
            answers.Add(Answer(output, wanted?.Parameters?.BinaryData ?? request.Parameters?.BinaryDataOutput ?? false, tensors));
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(new JsonObject
        {
            ["model_name"] = gallery.Category,
            ["model_version"] = gallery.Version.ToString(CultureInfo.InvariantCulture),
            ["id"] = request.Id,
            ["outputs"] = answers,
        });
        context.Response.ContentType = tensors.Length > 0 ? "application/octet-stream" : "application/json";
        if (tensors.Length > 0) context.Response.Headers[HeaderLength] = json.Length.ToString(CultureInfo.InvariantCulture);
        context.Response.ContentLength = json.Length + tensors.Length;
        await context.Response.Body.WriteAsync(json, cancellation);
        await context.Response.Body.WriteAsync(tensors.GetBuffer().AsMemory(0, (int)tensors.Length), cancellation);
    }

    /// <summary>Bodies with binary tensors. Clients send them, and JSON, as many content types.</summary>
    private static Task DescribeBytes(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken _)
    {
        var bodies = operation.RequestBody!.Content!;
        bodies.Remove(AnyType);
        OpenApiMediaType bytes = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } };
        bodies["application/octet-stream"] = operation.Responses!["200"].Content!["application/octet-stream"] = bytes;
        (operation.Parameters ??= []).Add(new OpenApiParameter
        {
            Name = HeaderLength,
            In = ParameterLocation.Header,
            Description = "Bytes of the JSON before the tensors.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
        });
        return Task.CompletedTask;
    }

    private static JsonObject Answer(OutputTensor output, bool binary, MemoryStream tensors)
    {
        var answer = new JsonObject
        {
            ["name"] = output.Name,
            ["datatype"] = output.Datatype,
            ["shape"] = JsonSerializer.SerializeToNode(output.Shape),
        };
        if (binary)
        {
            byte[] raw = output.ToBytes();
            answer["parameters"] = new JsonObject { ["binary_data_size"] = raw.Length };
            tensors.Write(raw);
        }
        else
        {
            answer["data"] = output.ToJson();
        }
        return answer;
    }
}
