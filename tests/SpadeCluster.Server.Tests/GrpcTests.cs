using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Spade.V1;

namespace SpadeCluster.Server.Tests;

/// <summary>gRPC of a server: the same keys, roles and decision log as over HTTP.</summary>
public sealed class GrpcTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private static ScoreRequest Request(string category, int seed)
        => new()
        {
            Category = category,
            Image = new Image { Format = PixelFormat.Encoded, Name = "part.png", Data = ByteString.CopyFrom(Part.Good(seed)) }
        };

    [Fact]
    public async Task A_key_opens_what_its_role_and_categories_allow()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var (scoring, galleries) = (new Spade.V1.Scoring.ScoringClient(channel), new Spade.V1.Galleries.GalleriesClient(channel));
        Assert.Equal(StatusCode.Unauthenticated, await StatusAsync(() => scoring.ScoreAsync(Request("discs", 1)).ResponseAsync));
        Assert.Equal(StatusCode.PermissionDenied,
            await StatusAsync(() => scoring.ScoreAsync(Request("discs", 1), With(server.Viewer)).ResponseAsync));
        Assert.Equal(StatusCode.PermissionDenied,
            await StatusAsync(() => scoring.ScoreAsync(Request("discs", 1), With(server.Scoped)).ResponseAsync));
        Assert.Equal(StatusCode.OK, await StatusAsync(() => scoring.ScoreAsync(Request("other", 1), With(server.Scoped)).ResponseAsync));
        Assert.Equal(["other"], (await galleries.ListGalleriesAsync(new ListGalleriesRequest(), With(server.Scoped))).Categories);
        var retire = new RetireRequest { Category = "discs", Images = { "good-0.png" }, Reason = "blurred", Author = "somebody else" };
        Assert.Equal(StatusCode.PermissionDenied,
            await StatusAsync(() => galleries.RetireAsync(retire, With(server.Operator)).ResponseAsync));
        var retired = await galleries.RetireAsync(retire, With(server.Engineer));
        // The author is the key's name, not a field of the request.
        Assert.StartsWith("engineer (", retired.CreatedBy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_from_no_time_is_refused()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var request = new GetShiftReportRequest { Since = new() { Seconds = long.MaxValue } };
        Assert.Equal(StatusCode.InvalidArgument, await StatusAsync(() =>
            new Spade.V1.Reports.ReportsClient(channel).GetShiftReportAsync(request, With(server.Viewer)).ResponseAsync));
    }

    [Fact]
    public async Task A_caller_has_a_bounded_number_of_streams_and_another_still_opens_one()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress,
            new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        var scoring = new Spade.V1.Scoring.ScoringClient(channel);
        var greedy = Enumerable.Range(0, new SpadeCluster.Server.Grpc.GrpcOptions().StreamsPerCaller + 1)
            .Select(_ => scoring.ScoreStream(With(server.Operator))).ToList();
        var ended = await Task.WhenAny(greedy.Select(c => c.ResponseStream.MoveNext(default))).WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(StatusCode.ResourceExhausted, (await Assert.ThrowsAsync<RpcException>(() => ended)).StatusCode);
        using (var other = scoring.ScoreStream(With(server.Engineer)))
        {
            var image = Request("other", 1).Image;
            await other.RequestStream.WriteAsync(new ScoreStreamRequest { Category = "other", RequestId = 1, Image = image });
            Assert.True(await other.ResponseStream.MoveNext(default));
        }
        foreach (var call in greedy) call.Dispose();
    }

    [Fact]
    public async Task A_score_is_that_of_HTTP_and_is_logged()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var score = (await new Spade.V1.Scoring.ScoringClient(channel).ScoreAsync(Request("other", 41), With(server.Operator))).Result;
        using var client = server.Client(server.Operator);
        var logged = (await ApiTests.Json(await client.GetAsync("/v1/results?category=other&limit=1")))[0];
        Assert.Equal((score.ImageId, score.RawScore),
            (logged.GetProperty("score").GetProperty("image_id").GetString(),
                logged.GetProperty("score").GetProperty("raw_score").GetDouble()));
        var again = await ApiTests.Json(await client.PostAsync("/v1/score?category=other", ServerFixture.Image(Part.Good(41))));
        Assert.Equal(score.RawScore, again.GetProperty("score").GetProperty("raw_score").GetDouble());
    }

    [Fact]
    public async Task Added_normals_get_thresholds_where_the_client_asks_for_them()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        foreach (bool calibrate in new[] { false, true })
        {
            using var call = new Spade.V1.Galleries.GalleriesClient(channel).AddNormals(With(server.Engineer));
            string category = $"grpc-{calibrate}";
            for (int i = 0; i < 4; i++)
                await call.RequestStream.WriteAsync(new AddNormalsRequest
                {
                    Category = category,
                    Image = Request("", 60 + i).Image,
                    Calibrate = calibrate
                });
            await call.RequestStream.CompleteAsync();
            var answers = new List<AddNormalsResponse>();
            while (await call.ResponseStream.MoveNext(default)) answers.Add(call.ResponseStream.Current);
            Assert.Equal(4, answers.Count(a => a.AnswerCase == AddNormalsResponse.AnswerOneofCase.Image));
            Assert.Equal((calibrate ? 2 : 1, calibrate), (answers[^1].Gallery.Version, answers[^1].Gallery.Calibration is not null));
            Assert.Equal(calibrate, answers.Exists(a => a.AnswerCase == AddNormalsResponse.AnswerOneofCase.Calibrated));
        }
    }

    [Fact]
    public async Task Tiles_elsewhere_are_not_compared_where_a_region_is_inspected()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var galleries = new Spade.V1.Galleries.GalleriesClient(channel);
        var call = galleries.AddNormals(With(server.Engineer));
        for (int i = 0; i < 4; i++)
            await call.RequestStream.WriteAsync(new AddNormalsRequest
            {
                Category = "framed",
                Image = Request("", 70 + i).Image,
                Calibrate = false
            });
        await call.RequestStream.CompleteAsync();
        while (await call.ResponseStream.MoveNext(default)) { }
        byte[] mask = [.. "P5\n96 96\n255\n"u8, .. Enumerable.Range(0, 96 * 96).Select(i => (byte)(i % 96 < 48 ? 0 : 255))];
        var region = new SetRegionRequest
        {
            Category = "framed",
            Source = "half.pgm",
            Mask = ByteString.CopyFrom(mask),
            Reason = "the belt",
            Calibrate = false
        };
        Assert.Equal(StatusCode.OK, await StatusAsync(() => galleries.SetRegionAsync(region, With(server.Engineer)).ResponseAsync));
        Assert.Equal(StatusCode.InvalidArgument, await CalibrateAsync(1));
        Assert.Equal(StatusCode.OK, await CalibrateAsync(0));

        Task<StatusCode> CalibrateAsync(int reach) => StatusAsync(async () =>
        {
            var request = new CalibrateRequest { Category = "framed", Options = new ScoringOptions { TileReach = reach } };
            using var calibrating = galleries.Calibrate(request, With(server.Engineer));
            while (await calibrating.ResponseStream.MoveNext(default)) { }
            return true;
        });
    }

    private static Metadata With(string key) => new() { { "authorization", $"Bearer {key}" } };

    private static async Task<StatusCode> StatusAsync<T>(Func<Task<T>> call)
    {
        try
        {
            await call();
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }
}
