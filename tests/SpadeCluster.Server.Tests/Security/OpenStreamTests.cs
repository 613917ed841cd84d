using System.IO.Pipelines;
using System.Net.Http.Json;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Http;
using Spade.V1;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>Streams that are open when their key is revoked.</summary>
public sealed class OpenStreamTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private ApiKeyStore Keys => server.App.Service<ApiKeyStore>();

    [Fact]
    public async Task Nothing_more_is_scored_with_a_revoked_key()
    {
        var (text, key) = await Keys.CreateAsync("leaked", Role.Operator, []);
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        using var stream = new Spade.V1.Scoring.ScoringClient(channel).ScoreStream(With(text));
        await SendAsync(1);
        Assert.True(await stream.ResponseStream.MoveNext(default));
        await Keys.RevokeAsync(key.Id);
        long before = server.App.Service<DecisionLog>().Count();
        await SendAsync(2);
        var ended = await Assert.ThrowsAsync<RpcException>(() => stream.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Unauthenticated, ended.StatusCode);
        Assert.Equal(before, server.App.Service<DecisionLog>().Count());

        Task SendAsync(ulong id) => stream.RequestStream.WriteAsync(new ScoreStreamRequest
        {
            Category = "discs",
            RequestId = id,
            Image = new Image { Format = PixelFormat.Encoded, Name = "part.png", Data = ByteString.CopyFrom(Part.Good((int)id)) }
        });
    }

    [Fact]
    public async Task A_revoked_key_is_told_no_new_version()
    {
        var (text, key) = await Keys.CreateAsync("leaked", Role.Viewer, []);
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        using var watch = new Spade.V1.Galleries.GalleriesClient(channel).WatchVersion(new() { Category = "other" }, With(text));
        Assert.True(await watch.ResponseStream.MoveNext(default));
        await Keys.RevokeAsync(key.Id);
        using var engineer = server.Client(server.Engineer);
        (await engineer.PostAsJsonAsync("/v1/galleries/other/reshard", new { shards = 2 })).EnsureSuccessStatusCode();
        var ended = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Unauthenticated, ended.StatusCode);
    }

    [Fact]
    public async Task Live_decisions_end_with_the_first_heartbeat_after_the_key()
    {
        var (_, key) = await Keys.CreateAsync("leaked", Role.Viewer, []);
        var clock = new SetClock(DateTimeOffset.UnixEpoch);
        var pipe = new Pipe();
        var context = new DefaultHttpContext { User = Caller.Principal(key, "test") };
        context.Response.Body = pipe.Writer.AsStream();
        var sending = LiveDecisions.SendAsync(context, server.App.Service<DecisionFeed>(), server.App.Service<DecisionLog>(),
            server.App.Service<NoticeFeed>(), server.App.Service<NoticeService>(), Keys, clock, server.App.Lifetime, line: "silent");
        using var events = new StreamReader(pipe.Reader.AsStream());
        while (await events.ReadLineAsync() is { Length: > 0 }) { }
        await Keys.RevokeAsync(key.Id);
        clock.Advance(TimeSpan.FromSeconds(15));
        await sending.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private static Metadata With(string key) => new() { { "authorization", $"Bearer {key}" } };
}
