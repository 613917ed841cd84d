using System.Diagnostics;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using OpenInference.V2;
using SpadeCluster.Imaging;
using SpadeCluster.Tests;

namespace SpadeCluster.Server.Tests.Inference;

/// <summary>inference.GRPCInferenceService: what Triton's and KServe's clients send, and the answers of HTTP.</summary>
public sealed class GrpcInferenceTests(ServerFixture server) : IClassFixture<ServerFixture>, IDisposable
{
    private readonly GrpcChannel _channel = GrpcChannel.ForAddress(server.GrpcAddress);
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-python-").FullName;

    private GRPCInferenceService.GRPCInferenceServiceClient Client => new(_channel);

    public void Dispose()
    {
        _channel.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [PythonFact("grpc", "google.protobuf", "numpy")]
    public async Task A_Triton_client_gets_the_scores_of_HTTP_and_the_error_of_each_bad_file()
    {
        PythonStubs.Write(_folder, GRPCInferenceService.Descriptor.File);
        byte[][] files = [Part.Good(4), "no image"u8.ToArray(), Part.Defective(4)];
        string[] paths = [.. files.Select((_, i) => Path.Combine(_folder, $"{i}.png"))];
        for (int i = 0; i < files.Length; i++) await File.WriteAllBytesAsync(paths[i], files[i]);

        var start = new ProcessStartInfo(PythonFactAttribute.Python, [Path.Combine(AppContext.BaseDirectory, "Inference",
            "triton_client.py"), _folder, new Uri(server.GrpcAddress).Authority, server.Operator, "discs", .. paths])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        using var python = Process.Start(start)!;
        var (output, error) = (python.StandardOutput.ReadToEndAsync(), python.StandardError.ReadToEndAsync());
        await python.WaitForExitAsync();
        Assert.True(python.ExitCode == 0, await error);
        var answer = JsonDocument.Parse(await output).RootElement;

        Assert.True(answer.GetProperty("live").GetBoolean() && answer.GetProperty("ready").GetBoolean()
            && answer.GetProperty("model_ready").GetBoolean());
        Assert.Equal("READY", answer.GetProperty("index").GetProperty("discs").GetString());
        Assert.Equal("triton 1", answer.GetProperty("id").GetString());
        Assert.Equal("""["image"]""", answer.GetProperty("inputs").GetRawText());
        var (good, defect) = (await ScoreAsync(files[0]), await ScoreAsync(files[2]));
        Assert.Equal([(float)good.GetProperty("pred_score").GetDouble(), null, (float)defect.GetProperty("pred_score").GetDouble()],
            answer.GetProperty("scores").EnumerateArray().Select(Number));
        Assert.Equal([(float)good.GetProperty("map_max").GetDouble(), null, (float)defect.GetProperty("map_max").GetDouble()],
            answer.GetProperty("map_max").EnumerateArray().Select(Number));
        Assert.Equal([good.GetProperty("verdict").GetString(), "error", "defect"],
            answer.GetProperty("verdicts").EnumerateArray().Select(v => v.GetString()));
        // A photograph that cannot be scored never counts as good.
        Assert.Equal("[false, true, true]", answer.GetProperty("anomalous").GetRawText());
        Assert.Equal([true, false, true], answer.GetProperty("errors").EnumerateArray().Select(e => e.GetString() == ""));
        Assert.StartsWith("image 2:", answer.GetProperty("errors")[1].GetString(), StringComparison.Ordinal);
        Assert.Equal("[3, 224, 224]", answer.GetProperty("map_shape").GetRawText());
        Assert.True(answer.GetProperty("inferences").GetInt32() >= 2 && answer.GetProperty("nanoseconds").GetInt64() > 0);

        // The decisions are logged with their metadata.
        using var viewer = server.Client(server.Viewer);
        var logged = await ApiTests.Json(await viewer.GetAsync("/v1/results?line=triton&serial_number=4711"));
        Assert.Equal(2, logged.GetArrayLength());

        static float? Number(JsonElement e) => e.ValueKind == JsonValueKind.Null ? null : e.GetSingle();
    }

    [Fact]
    public async Task Typed_contents_are_answered_with_typed_contents()
    {
        var picture = ImageReader.Default.Decode(Part.Defective(5), "part");
        var pixels = Request("discs", "UINT8", picture.Height, picture.Width, 3);
        pixels.Inputs[0].Contents = new InferTensorContents { UintContents = { picture.Pixels.Select(p => (uint)p) } };
        var answer = await Client.ModelInferAsync(pixels, With(server.Operator));
        Assert.Empty(answer.RawOutputContents);
        double expected = (await ScoreAsync(Part.Defective(5))).GetProperty("pred_score").GetDouble();
        Assert.Equal([(float)expected], Output(answer, "anomaly_score").Fp32Contents);
        Assert.Equal([true], Output(answer, "is_anomalous").BoolContents);

        var files = Request("discs", "BYTES", 1);
        files.Inputs[0].Contents = new InferTensorContents { BytesContents = { ByteString.CopyFrom(Part.Defective(5)) } };
        answer = await Client.ModelInferAsync(files, With(server.Operator));
        Assert.Equal(["defect"], Output(answer, "verdict").BytesContents.Select(b => b.ToStringUtf8()));
        Assert.Equal("discs", answer.ModelName);

        static InferTensorContents Output(ModelInferResponse answer, string name) => answer.Outputs.Single(o => o.Name == name).Contents;
    }

    [Fact]
    public async Task A_client_that_does_not_read_errors_of_single_files_gets_the_first_as_its_answer()
    {
        var request = Request("discs", "BYTES", 2);
        request.Inputs[0].Contents = new InferTensorContents
        {
            BytesContents = { ByteString.CopyFrom(Part.Good(4)), ByteString.CopyFromUtf8("no image") }
        };
        var refused = await RefusedAsync(request);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.StartsWith("image 2:", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_that_do_not_fit_are_refused_in_one_sentence()
    {
        var file = ByteString.CopyFrom(Part.Good(4));
        ModelInferRequest Valid() => new(Request("discs", "BYTES", 1)) { RawInputContents = { Prefixed(file) } };

        await ExpectAsync(r => r.ModelVersion = "77", StatusCode.NotFound, "'discs' is served in version");
        await ExpectAsync(r => r.ModelVersion = "first", StatusCode.InvalidArgument, "a model's version is a whole number, not 'first'");
        await ExpectAsync(r => r.ModelName = "../x", StatusCode.InvalidArgument, "");
        await ExpectAsync(r => r.ModelName = "absent", StatusCode.NotFound, "");
        await ExpectAsync(r => r.Inputs.Clear(), StatusCode.InvalidArgument, "one input is expected: 'image'");
        await ExpectAsync(r => r.RawInputContents.Add(file), StatusCode.InvalidArgument,
            "there is one input, but 2 raw_input_contents were sent");
        await ExpectAsync(r => r.Inputs[0].Shape[0] = 2, StatusCode.InvalidArgument, "the shape has 2 files, but 1 were sent");
        await ExpectAsync(r => r.Inputs[0].Shape[0] = long.MaxValue, StatusCode.InvalidArgument, "");
        await ExpectAsync(r => r.RawInputContents[0] = file, StatusCode.InvalidArgument, "a file's length exceeds what was sent");
        await ExpectAsync(r => r.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "heat" }),
            StatusCode.InvalidArgument, "there is no output 'heat': anomaly_score, verdict, is_anomalous, anomaly_map, error");
        await ExpectAsync(r => r.Parameters["line"] = new InferParameter { StringParam = "a,b" }, StatusCode.InvalidArgument, "");

        async Task ExpectAsync(Action<ModelInferRequest> change, StatusCode status, string sentence)
        {
            var request = Valid();
            change(request);
            var refused = await RefusedAsync(request);
            Assert.Equal(status, refused.StatusCode);
            Assert.StartsWith(sentence, refused.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Only_the_models_of_a_key_are_listed_and_HTTP_lists_the_same()
    {
        using (var engineer = server.Client(server.Engineer))
            (await engineer.PostAsync("/v1/galleries/unready/images?calibrate=false", ServerFixture.Image(Part.Good(1))))
                .EnsureSuccessStatusCode();
        var all = (await Client.RepositoryIndexAsync(new RepositoryIndexRequest(), With(server.Viewer))).Models;
        Assert.Equal(("UNAVAILABLE", false), (all.Single(m => m.Name == "unready").State,
            (await Client.ModelReadyAsync(new ModelReadyRequest { Name = "unready" }, With(server.Viewer))).Ready));
        var scoped = await Client.RepositoryIndexAsync(new RepositoryIndexRequest { Ready = true }, With(server.Scoped));
        Assert.Equal(["other"], scoped.Models.Select(m => m.Name));
        var figures = await Client.ModelStatisticsAsync(new ModelStatisticsRequest(), With(server.Scoped));
        Assert.Equal(["other"], figures.ModelStats.Select(m => m.Name));

        using var client = server.Client(server.Viewer);
        var index = await ApiTests.Json(await client.PostAsync("/v2/repository/index", null));
        Assert.Equal(all.Select(m => (m.Name, m.Version, m.State)), index.EnumerateArray().Select(m => (
            m.GetProperty("name").GetString()!, m.GetProperty("version").GetString()!, m.GetProperty("state").GetString()!)));
        var stats = (await ApiTests.Json(await client.GetAsync("/v2/models/discs/stats"))).GetProperty("model_stats")[0];
        Assert.True(stats.GetProperty("inference_stats").GetProperty("success").GetProperty("count").GetInt32() >= 1);
        Assert.True(stats.GetProperty("inference_stats").GetProperty("compute_infer").GetProperty("ns").GetInt64() > 0);
    }

    [Fact]
    public async Task Over_HTTP_a_bad_file_has_an_error_and_no_score()
    {
        using var client = server.Client(server.Operator);
        var answer = await ApiTests.Json(await client.PostAsync("/v2/models/discs/infer", new StringContent(JsonSerializer.Serialize(new
        {
            inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { 2 },
                data = new[] { Convert.ToBase64String(Part.Good(4)), Convert.ToBase64String("no image"u8) } } },
            outputs = new[] { new { name = "anomaly_score" }, new { name = "error" } },
            parameters = new { line = "json" },
        }))));
        var (scores, errors) = (answer.GetProperty("outputs")[0].GetProperty("data"), answer.GetProperty("outputs")[1].GetProperty("data"));
        Assert.Equal([JsonValueKind.Number, JsonValueKind.Null], scores.EnumerateArray().Select(s => s.ValueKind));
        Assert.Equal("", errors[0].GetString());
        Assert.StartsWith("image 2:", errors[1].GetString(), StringComparison.Ordinal);
        using var viewer = server.Client(server.Viewer);
        Assert.Equal(1, (await ApiTests.Json(await viewer.GetAsync("/v1/results?line=json"))).GetArrayLength());
    }

    private async Task<JsonElement> ScoreAsync(byte[] file)
    {
        using var client = server.Client(server.Operator);
        return (await ApiTests.Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(file)))).GetProperty("score");
    }

    private async Task<RpcException> RefusedAsync(ModelInferRequest request)
        => await Assert.ThrowsAsync<RpcException>(() => Client.ModelInferAsync(request, With(server.Operator)).ResponseAsync);

    private static ModelInferRequest Request(string model, string datatype, params long[] shape) => new()
    {
        ModelName = model,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = datatype, Shape = { shape } } },
    };

    private static ByteString Prefixed(ByteString file) => ByteString.CopyFrom([.. BitConverter.GetBytes(file.Length), .. file]);

    private static Metadata With(string key) => new() { { "authorization", $"Bearer {key}" } };
}
