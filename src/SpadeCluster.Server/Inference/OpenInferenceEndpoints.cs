using SpadeCluster.Server.Admission;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Inference;

/// <summary>
/// Open Inference Protocol v2 over HTTP, with the binary tensor extension: categories are models. Source: the KServe Open
/// Inference Protocol, and Triton's binary data extension.
/// </summary>
internal static class OpenInferenceEndpoints
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    public static void MapOpenInference(this IEndpointRouteBuilder app)
    {
        var v2 = app.MapGroup("/v2").WithTags("Open Inference");
        v2.MapGet("/health/live", () => Results.Json(new { live = true }));
        v2.MapGet("/health/ready", async (Readiness readiness, CancellationToken c) =>
        {
            var report = await readiness.CheckAsync(c);
            return Results.Json(new { ready = report.IsReady, reasons = report.Reasons }, statusCode: report.HttpStatus);
        });
        v2.MapGet("/", () => Results.Json(new
        {
            name = "spadecluster",
            version = typeof(SpadeServer).Assembly.GetName().Version!.ToString(3),
            extensions = new[] { "binary_tensor_data" }
        }));
        foreach (string path in new[] { "/models/{category}", "/models/{category}/versions/{version:int}" })
        {
            v2.MapGet(path, ModelAsync).RequireAuthorization(nameof(Role.Viewer));
            v2.MapGet(path + "/ready", async (string category, int? version, HttpContext context, IGalleryServices services) =>
                Results.Json(new
                {
                    name = category,
                    ready = (await ReadVersionAsync(category, version, context, services)).Calibration is not null
                }))
                        .RequireAuthorization(nameof(Role.Viewer));
            v2.MapPost(path + "/infer", InferAsync).RequireAuthorization(nameof(Role.Operator));
        }
    }

    private static async Task<IResult> ModelAsync(string category, int? version, HttpContext context, IGalleryServices services)
    {
        var m = await ReadVersionAsync(category, version, context, services);
        return Results.Json(new
        {
            name = m.Category,
            versions = new[] { m.Version.ToString(CultureInfo.InvariantCulture) },
            platform = "spade",
            inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { -1 } } },
            outputs = new object[]
            {
                new { name = "anomaly_score", datatype = "FP32", shape = new[] { -1 } },
                new { name = "verdict", datatype = "BYTES", shape = new[] { -1 } },
                new { name = "is_anomalous", datatype = "BOOL", shape = new[] { -1 } },
                new { name = "anomaly_map", datatype = "FP32", shape = MapShape(m) },
            },
        });
    }

    /// <summary>The version that photographs are scored with; a request for another version is refused. For a category without thresholds
    /// it is the current version, which can be described but gives no verdict.</summary>
    private static async Task<GalleryManifest> ReadVersionAsync(string category, int? version, HttpContext context,
        IGalleryServices services)
    {
        context.User.Require(CategoryName.Check(category));
        var galleries = services.For(context.User.CallerName());
        var m = await galleries.FindScoringVersionAsync(category, context.RequestAborted)
            ?? await galleries.GetAsync(category, context.RequestAborted);
        return version is null || version == m.Version
            ? m : throw new SpadeException(SpadeError.NotFound, $"'{category}' is served in version {m.Version} only");
    }

    private static async Task InferAsync(string category, int? version, [AsParameters] SentMetadata sent, HttpContext context,
        IGalleryServices services, DecisionService decisions, AdmissionControl admission, ServerOptions options,
        CancellationToken cancellation)
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
        if (request?.Inputs is not [var input]) throw InferImages.Invalid("one input is expected: 'image'");
        var m = await ReadVersionAsync(category, version, context, services);
        if (m.Calibration is null) throw NotCalibrated(category);
        var images = InferImages.Read(input, bytes.Span[head..], options.MaxBatch);

        var scored = new List<ScoredImage>(images.Count);
        foreach (var image in images)
            scored.Add((await decisions.ScoreAsync(category, image.With(metadata), context.User.CallerName(), cancellation)).Scored);
        // The cluster may score with the current version although it has no thresholds.
        if (scored.Any(s => s.Result.NormalisedScore is null)) throw NotCalibrated(category);
        await WriteAsync(context, request, scored, cancellation);
    }

    /// <summary>-1 means that a side depends on the photograph.</summary>
    private static int[] MapShape(GalleryManifest m)
        => TileGrid.Of(m.Model, m.Preprocessing) is var tiles && tiles.Letterbox ? [-1, -1, -1] : [-1, tiles.Height, tiles.Width];

    private static InferTensor Plain(string output) => new(output, null, null, null, null);

    private static SpadeException NotCalibrated(string category)
        => new(SpadeError.FailedPrecondition, $"'{category}' has no thresholds yet, and so no verdicts: calibrate it first");

    private static async Task WriteAsync(HttpContext context, InferRequest request, IReadOnlyList<ScoredImage> scored,
        CancellationToken cancellation)
    {
        var outputs = new JsonArray();
        var tensors = new MemoryStream();
        // The map is large, so it is sent only if requested.
        foreach (var wanted in request.Outputs is { Count: > 0 } some
            ? some : [Plain("anomaly_score"), Plain("verdict"), Plain("is_anomalous")])
        {
            bool binary = wanted.Parameters?.BinaryData ?? request.Parameters?.BinaryDataOutput ?? false;
            switch (wanted.Name)
            {
                case "anomaly_score":
                    Add("FP32", [scored.Count], [.. scored.Select(s => (float)s.Result.NormalisedScore!.Value)], binary);
                    break;
                case "verdict":
                    AddWords([.. scored.Select(s => s.Result.Verdict!.Value.ToString().ToLowerInvariant())], binary);
                    break;
                case "is_anomalous":
                    Add("BOOL", [scored.Count], [.. scored.Select(s => s.Result.Anomalous == true)], binary);
                    break;
                case "anomaly_map":
                    var first = scored[0].Prepared.Input;
                    if (scored.Any(s => (s.Prepared.Input.Width, s.Prepared.Input.Height) != (first.Width, first.Height)))
                        throw InferImages.Invalid("photographs of these proportions have maps of different sizes: send one at a time");
                    Add("FP32", [scored.Count, first.Height, first.Width],
                        [.. scored.SelectMany(s => s.Result.Map?.Values ?? new float[first.Width * first.Height])], binary);
                    break;
                default:
                    throw InferImages.Invalid($"there is no output '{SentImage.Harmless(wanted.Name, "")}': anomaly_score, "
                        + $"verdict, is_anomalous, anomaly_map");
            }

            void Add<T>(string datatype, int[] shape, T[] values, bool asBytes) where T : unmanaged
                => AddOutput(datatype, shape, asBytes ? null : JsonSerializer.SerializeToNode(values), MemoryMarshal.AsBytes<T>(values));

            // Binary strings have their length in four bytes before them.
            void AddWords(string[] words, bool asBytes)
                => AddOutput("BYTES", [words.Length], asBytes ? null : JsonSerializer.SerializeToNode(words), [.. words.SelectMany(w =>
                    (byte[])[(byte)w.Length, 0, 0, 0, .. Encoding.ASCII.GetBytes(w)])]);

            void AddOutput(string datatype, int[] shape, JsonNode? data, ReadOnlySpan<byte> raw)
            {
                var output = new JsonObject
                {
                    ["name"] = wanted.Name,
                    ["datatype"] = datatype,
                    ["shape"] = JsonSerializer.SerializeToNode(shape)
                };
                if (data is null)
                {
                    output["parameters"] = new JsonObject { ["binary_data_size"] = raw.Length };
                    tensors.Write(raw);
                }
                else
                {
                    output["data"] = data;
                }
                outputs.Add(output);
            }
        }
        var gallery = scored[0].Gallery;
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(new JsonObject
        {
            ["model_name"] = gallery.Category,
            ["model_version"] = gallery.Version.ToString(CultureInfo.InvariantCulture),
            ["id"] = request.Id,
            ["outputs"] = outputs,
        });
        context.Response.ContentType = tensors.Length > 0 ? "application/octet-stream" : "application/json";
        if (tensors.Length > 0) context.Response.Headers[HeaderLength] = json.Length.ToString(CultureInfo.InvariantCulture);
        context.Response.ContentLength = json.Length + tensors.Length;
        await context.Response.Body.WriteAsync(json, cancellation);
        await context.Response.Body.WriteAsync(tensors.GetBuffer().AsMemory(0, (int)tensors.Length), cancellation);
    }
}
