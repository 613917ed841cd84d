using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.DependencyInjection;
using Spade.V1;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Grpc.Admission;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Grpc;

/// <summary>What gRPC promises: every status of the contract, order, chunks, pixels, limits, nothing left behind.</summary>
public sealed class GrpcServiceTests : IAsyncLifetime
{
    private readonly InMemoryGalleryStore _store = new();
    private readonly FakeExtractor _extractor = new();
    private TestGateway _gateway = null!;
    private Spade.V1.Scoring.ScoringClient _scoring = null!;
    private Spade.V1.Galleries.GalleriesClient _galleries = null!;

    public async Task InitializeAsync()
    {
        var engines = new FakeEngines(_extractor);
        var galleries = new GalleryService(_store, engines, "test");
        await galleries.AddAsync("plate", Photos.Normals(6));
        await galleries.CalibrateAsync("plate", new SpadeCluster.Scoring.ScoringOptions());
        await galleries.AddAsync("bare", Photos.Normals(1));
        await galleries.RetireAsync("bare", ["normal0.ppm"], "test");
        await galleries.AddAsync("other", Photos.Normals(4));
        await _store.PublishAsync((await _store.ReadCurrentAsync("other"))! with { Version = 2, Preprocessing = "stretch 8x8" });
        _gateway = await TestGateway.StartStandaloneAsync(_store, engines, o => o.MaxRequests = 2, o => o.MaxImageBytes = 100_000);
        (_scoring, _galleries) = (new(_gateway.Channel), new(_gateway.Channel));
    }

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Theory]
    [InlineData("plate", "not an image", StatusCode.InvalidArgument)]
    [InlineData("plate", "", StatusCode.InvalidArgument)]
    [InlineData("no/name", "ok", StatusCode.InvalidArgument)]
    [InlineData("nowhere", "ok", StatusCode.NotFound)]
    [InlineData("bare", "ok", StatusCode.FailedPrecondition)]
    [InlineData("other", "ok", StatusCode.FailedPrecondition)]
    [InlineData("plate", "large", StatusCode.ResourceExhausted)]
    [InlineData("plate", "bomb", StatusCode.ResourceExhausted)]
    public async Task Bad_input_gets_its_status_and_a_sentence(string category, string content, StatusCode expected)
    {
        byte[] data = content switch
        {
            "ok" => Photos.Ppm(1, false),
            "large" => new byte[120_000],
            "bomb" => "P6\n60000 60000\n255\n"u8.ToArray(),
            _ => System.Text.Encoding.ASCII.GetBytes(content),
        };
        var e = await Assert.ThrowsAsync<RpcException>(() => _scoring.ScoreAsync(Request(category, data)).ResponseAsync);
        Assert.Equal(expected, e.StatusCode);
        Assert.NotEmpty(e.Status.Detail);
        var status = RpcStatusOf(e);
        Assert.Equal((int)expected, status.Code);
        Assert.Equal("type.googleapis.com/google.rpc.ErrorInfo", status.Details[0].TypeUrl);
    }

    [Fact]
    public async Task A_deadline_that_passes_is_deadline_exceeded()
    {
        var hold = new TaskCompletionSource();
        _extractor.Gate = () => hold.Task;
        var e = await Assert.ThrowsAsync<RpcException>(() =>
            _scoring.ScoreAsync(Request("plate", Photos.Ppm(1, false)), deadline: DateTime.UtcNow.AddMilliseconds(300)).ResponseAsync);
        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
        hold.SetResult();
    }

    [Fact]
    public async Task A_full_gateway_refuses_at_once_and_says_when_to_come_back()
    {
        var (held, hold) = (new SemaphoreSlim(0), new TaskCompletionSource());
        _extractor.Gate = () =>
        {
            held.Release();
            return hold.Task;
        };
        var inFlight = Enumerable.Range(0, 2).Select(i => _scoring.ScoreAsync(Request("plate", Photos.Ppm(i, false))).ResponseAsync)
            .ToArray();
        for (int i = 0; i < 2; i++) Assert.True(await held.WaitAsync(TimeSpan.FromSeconds(30)), "two images should be with the extractor");
        var e = await Assert.ThrowsAsync<RpcException>(() => _scoring.ScoreAsync(Request("plate", Photos.Ppm(9, false))).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
        Assert.Contains(RpcStatusOf(e).Details, d => d.TypeUrl.EndsWith("google.rpc.RetryInfo"));
        // The typed client retries by itself.
        var patient = _gateway.Client.ScoreAsync("plate", Photos.Source("p", Photos.Ppm(9, false)));
        hold.SetResult();
        await Task.WhenAll(inFlight);
        Assert.NotNull((await patient).PredLabel);
        Assert.Equal(0, _gateway.Services.GetRequiredService<AdmissionControl>().Requests);
    }

    [Fact]
    public async Task A_stream_answers_in_order_and_survives_a_bad_image()
    {
        using var call = _scoring.ScoreStream();
        byte[][] files = [Photos.Ppm(1, false), "bad"u8.ToArray(), Photos.Ppm(2, true), new byte[150_000], Photos.Ppm(3, false)];
        var sending = Task.Run(async () =>
        {
            for (int i = 0; i < files.Length; i++)
                for (int at = 0; at < files[i].Length; at += 1000)
                    await call.RequestStream.WriteAsync(new ScoreStreamRequest
                    {
                        RequestId = (ulong)(10 * i + 10),
                        Category = at == 0 ? "plate" : "",
                        Image = new Image
                        {
                            Format = PixelFormat.Encoded,
                            Name = $"{i}",
                            Data = ByteString.CopyFrom(files[i].AsSpan(at, Math.Min(1000, files[i].Length - at)))
                        },
                        More = at + 1000 < files[i].Length,
                    });
            await call.RequestStream.CompleteAsync();
        });
        var answers = new List<ScoreStreamResponse>();
        await foreach (var answer in call.ResponseStream.ReadAllAsync()) answers.Add(answer);
        await sending;
        Assert.Equal([10ul, 20, 30, 40, 50], answers.Select(a => a.RequestId));
        Assert.Equal([0, (int)StatusCode.InvalidArgument, 0, (int)StatusCode.ResourceExhausted, 0],
            answers.Select(a => a.Error?.Code ?? 0));
        Assert.Equal(ImageId.Of(files[2]).ToString(), answers[2].Result.ImageId);
    }

    [Fact]
    public async Task A_stream_whose_ids_do_not_ascend_is_invalid()
    {
        using var call = _scoring.ScoreStream();
        for (int i = 0; i < 2; i++)
            await call.RequestStream.WriteAsync(new ScoreStreamRequest
            {
                RequestId = 5,
                Category = "plate",
                Image = Request("plate", Photos.Ppm(1, false)).Image
            });
        var e = await Assert.ThrowsAsync<RpcException>(async () => { await foreach (var _ in call.ResponseStream.ReadAllAsync()) { } });
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
    }

    [Fact]
    public async Task A_client_that_disconnects_leaves_nothing_in_work()
    {
        var admission = _gateway.Services.GetRequiredService<AdmissionControl>();
        var (reached, hold) = (new SemaphoreSlim(0), new TaskCompletionSource());
        _extractor.Gate = () =>
        {
            reached.Release();
            return hold.Task;
        };
        using (var call = _scoring.ScoreStream())
        {
            for (int i = 0; i < 4; i++)
                await call.RequestStream.WriteAsync(new ScoreStreamRequest
                {
                    RequestId = (ulong)i + 1,
                    Category = "plate",
                    Image = Request("plate", Photos.Ppm(i, false)).Image
                });
            Assert.True(await reached.WaitAsync(TimeSpan.FromSeconds(30)), "an image should be with the extractor");
            Assert.True(admission.Requests > 0);
        }
        hold.SetResult();
        // The next image is admitted only when the stream's image is done.
        using var place = await admission.AdmitInTurnAsync(1, new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        Assert.Equal((1, 1L), (admission.Requests, admission.Bytes));
    }

    [Theory]
    [InlineData(PixelFormat.Rgb8)]
    [InlineData(PixelFormat.Bgr8)]
    public async Task Raw_pixels_score_as_the_file_does(PixelFormat format)
    {
        byte[] file = Photos.Ppm(5, true), pixels = file[^(3 * 24 * 24)..];
        int stride = 80;
        var padded = new byte[stride * 24];
        for (int y = 0; y < 24; y++)
            for (int i = 0; i < 72; i++) padded[y * stride + i] = pixels[y * 72 + (format == PixelFormat.Bgr8 ? i - 2 * (i % 3 - 1) : i)];
        var raw = await _scoring.ScoreAsync(new ScoreRequest
        {
            Category = "plate",
            Image = new Image
            {
                Format = format,
                Width = 24,
                Height = 24,
                Stride = (uint)stride,
                Data = ByteString.CopyFrom(padded),
                Name = "x"
            }
        });
        var encoded = await _scoring.ScoreAsync(Request("plate", file));
        Assert.Equal(encoded.Result.RawScore, raw.Result.RawScore);
    }

    [Theory]
    [InlineData(24u, 24u, 10u, "stride")]
    [InlineData(24u, 25u, 0u, "came")]
    [InlineData(0u, 24u, 0u, "width")]
    [InlineData(uint.MaxValue, uint.MaxValue, uint.MaxValue, "stride")]
    public async Task Raw_pixels_that_do_not_fit_are_invalid(uint width, uint height, uint stride, string word)
    {
        var image = new Image
        {
            Format = PixelFormat.Rgb8,
            Width = width,
            Height = height,
            Stride = stride,
            Data = ByteString.CopyFrom(new byte[3 * 24 * 24])
        };
        var e = await Assert.ThrowsAsync<RpcException>(() =>
            _scoring.ScoreAsync(new ScoreRequest { Category = "plate", Image = image }).ResponseAsync);
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.Contains(word, e.Status.Detail);
    }

    [Fact]
    public async Task A_gallery_lives_through_the_typed_client()
    {
        var client = _gateway.Client;
        var outcomes = new List<AddOutcome>();
        List<ImageSource> sources = [.. Photos.Normals(5), Photos.Source("bad.ppm", "bad"u8.ToArray()), Photos.Normals(1)[0]];
        var added = await client.AddNormalsAsync("new", sources, "eve", new Collect(outcomes), "first parts of the line");
        Assert.Equal((1, 5, "local"), (added!.Version, added.ImageCount, added.CreatedBy));
        Assert.Contains("first parts of the line", added.Reason);
        Assert.Equal([.. Enumerable.Repeat(AddStatus.Added, 5), AddStatus.Failed, AddStatus.Duplicate], outcomes.Select(o => o.Status));
        using var stop = new CancellationTokenSource();
        var versions = client.WatchVersionAsync("new", stop.Token).GetAsyncEnumerator();
        Assert.True(await versions.MoveNextAsync());
        Assert.Equal(1, versions.Current);
        var calibrated = await client.CalibrateAsync("new", new SpadeCluster.Scoring.ScoringOptions { Alpha = 0.2 }, "eve");
        Assert.Equal(0.2, calibrated.Calibration!.Alpha);
        Assert.True(await versions.MoveNextAsync());
        Assert.Equal(2, versions.Current);
        Assert.Equal(4, (await client.RetireAsync("new", ["normal0.ppm"], "blurred", "eve")).ImageCount);
        // Thresholds for the four may have been learned meanwhile, which makes a version too.
        var back = await client.RollBackAsync("new", 2, "was fine", "eve");
        Assert.Equal((5, calibrated.Calibration.Theta), (back.ImageCount, back.Calibration!.Theta));
        Assert.Equal(3, (await client.ReshardAsync("new", 3, "eve")).Shards);
        Assert.Equal(5, (await client.GetGalleryAsync("new", includeImages: true)).Images.Count);
        Assert.Contains("new", await client.ListGalleriesAsync());
        // Settings that a calibration does not name stay.
        Assert.Equal(0.2, (await client.CalibrateAsync("new", null, "eve")).Calibration!.Alpha);
        var map = await client.ScoreWithMapAsync("new", Photos.Mixed(1)[0]);
        Assert.Equal(FakeExtractor.Side * FakeExtractor.Side, map.Map!.Length);
        var missing = await Assert.ThrowsAsync<SpadeException>(() => client.GetGalleryAsync("nowhere"));
        Assert.Equal(SpadeError.NotFound, missing.Error);
    }

    [Fact]
    public async Task Normals_for_another_category_in_the_same_stream_are_invalid()
    {
        using var call = _galleries.AddNormals();
        foreach (string category in (string[])["new", "", "plate"])
            await call.RequestStream.WriteAsync(new AddNormalsRequest
            {
                Category = category,
                Author = "eve",
                Image = Request("", Photos.Ppm(category.Length, false)).Image
            });
        await call.RequestStream.CompleteAsync();
        var e = await Assert.ThrowsAsync<RpcException>(async () => { await foreach (var _ in call.ResponseStream.ReadAllAsync()) { } });
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        Assert.Contains("'new'", e.Status.Detail);
        Assert.Contains("'plate'", e.Status.Detail);
        Assert.Equal(0, _gateway.Services.GetRequiredService<AdmissionControl>().Requests);
    }

    [Fact]
    public async Task Additions_are_admitted()
    {
        var admission = _gateway.Services.GetRequiredService<AdmissionControl>();
        var (reached, hold) = (new SemaphoreSlim(0), new TaskCompletionSource());
        _extractor.Gate = () =>
        {
            reached.Release();
            return hold.Task;
        };
        var file = Photos.Ppm(77, false);
        var adding = _gateway.Client.AddNormalsAsync("new", [Photos.Source("a", file)], "eve");
        Assert.True(await reached.WaitAsync(TimeSpan.FromSeconds(30)), "the normal should be with the extractor");
        Assert.Equal(1, admission.Requests);
        Assert.InRange(admission.Bytes, file.Length, file.Length + 100);
        hold.SetResult();
        await adding;
        Assert.Equal((0, 0L), (admission.Requests, admission.Bytes));
    }

    [Theory]
    [InlineData("")]
    [InlineData("spade.v1.Scoring")]
    [InlineData("spade.v1.Galleries")]
    public async Task Health_answers(string service)
        => Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving,
            (await new Health.HealthClient(_gateway.Channel).CheckAsync(new HealthCheckRequest { Service = service })).Status);

    private static ScoreRequest Request(string category, byte[] data) =>
        new() { Category = category, Image = new Image { Format = PixelFormat.Encoded, Data = ByteString.CopyFrom(data), Name = "test" } };

    private static RpcStatus RpcStatusOf(RpcException e) => RpcStatus.Parser.ParseFrom(e.Trailers.GetValueBytes("grpc-status-details-bin"));

    private sealed class Collect(List<AddOutcome> outcomes) : IProgress<AddOutcome>
    {
        public void Report(AddOutcome value) => outcomes.Add(value);
    }
}
