using System.IO.Pipelines;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Spade.V1;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Grpc.Admission;

namespace SpadeCluster.Cluster.Tests.Grpc;

/// <summary>Images near and over the limits: which are accepted, which are refused and with which message, and how much memory is
/// reserved.</summary>
[Collection("silos")]
public sealed class LargeImageTests : IAsyncLifetime
{
    private const int Limit = 64 << 20;

    private TestGateway _gateway = null!;
    private GrpcChannel _channel = null!;
    private Spade.V1.Scoring.ScoringClient _scoring = null!;

    private AdmissionControl Admission => _gateway.Services.GetRequiredService<AdmissionControl>();

    public async Task InitializeAsync()
    {
        var (store, engines) = (new InMemoryGalleryStore(), new FakeEngines(new FakeExtractor()));
        await new GalleryService(store, engines, "test").AddAsync("plate", Photos.Normals(4));
        _gateway = await TestGateway.StartStandaloneAsync(store, engines);
        _channel = GrpcChannel.ForAddress(_gateway.Address, new GrpcChannelOptions { MaxSendMessageSize = null });
        _scoring = new(_channel);
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _gateway.DisposeAsync();
    }

    [Fact]
    public async Task An_image_of_more_than_30_MB_in_one_message_is_scored()
    {
        byte[] file = [.. "P5\n7000 5000\n255\n"u8, .. new byte[35_000_000]];
        var answer = await _scoring.ScoreAsync(Request(file));
        Assert.Equal(ImageId.Of(file).ToString(), answer.Result.ImageId);
    }

    [Theory]
    [InlineData(Limit + 1_000, "67109864 bytes are above this server's limit of 67108864")]
    [InlineData(Limit + (1 << 20), "above this server's limit of 67,174,400")]
    public async Task One_over_the_limit_is_refused_in_words(int bytes, string words)
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => _scoring.ScoreAsync(Request(new byte[bytes])).ResponseAsync);
        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
        Assert.Contains(words, e.Status.Detail);
        Assert.Contains("send a smaller", e.Status.Detail);
        var status = RpcStatus.Parser.ParseFrom(e.Trailers.GetValueBytes("grpc-status-details-bin"));
        Assert.EndsWith("ErrorInfo", status.Details[0].TypeUrl);
        Assert.Equal((0, 0L), (Admission.Requests, Admission.Bytes));
    }

    [Fact]
    public async Task A_message_says_its_length_before_it_is_read()
    {
        var pipe = new Pipe();
        var peeking = MessageHead.PeekAsync(pipe.Reader, default).AsTask();
        // 40 MB are announced, and not sent.
        foreach (byte b in (byte[])[0, 2, 128, 0, 0])
        {
            Assert.False(peeking.IsCompleted);
            await pipe.Writer.WriteAsync((byte[])[b]);
        }
        Assert.Equal(new MessageHead(false, 40 << 20), await peeking);
        Assert.Equal(40 << 20, (await MessageHead.PeekAsync(pipe.Reader, default))!.Value.Bytes(Limit));
        Assert.Equal(5, (await pipe.Reader.ReadAsync()).Buffer.Length);
        Assert.Throws<SpadeException>(() => new MessageHead(false, Limit + 1).Bytes(Limit));
        Assert.Equal(Limit, new MessageHead(Compressed: true, 100).Bytes(Limit));
    }

    [Fact]
    public async Task Streams_of_unfinished_images_hold_no_more_than_their_callers_share()
    {
        const int Chunk = 8 << 20;
        var calls = Enumerable.Range(0, 20).Select(_ => _scoring.ScoreStream()).ToList();
        var sending = calls.Select(async call =>
        {
            for (int i = 0; i < 4; i++)
                await call.RequestStream.WriteAsync(new ScoreStreamRequest
                {
                    RequestId = 1,
                    Category = i == 0 ? "plate" : "",
                    Image = Request(new byte[Chunk]).Image,
                    More = true
                });
        }).ToList();
        // 20 x 32 MB are sent. One caller has three quarters of half of 256 MB, room for 11 chunks, and one image that may exceed it.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Admission.Bytes < 12 * Chunk)
        {
            Assert.False(limit.IsCancellationRequested, $"{Admission.Bytes} bytes should have grown to {12 * Chunk}");
            await Task.Yield();
        }
        // Unary calls still come through.
        for (int i = 0; i < 10; i++) Assert.NotEmpty((await _scoring.ScoreAsync(Request(Photos.Ppm(i, false)))).Result.ImageId);
        Assert.InRange(Admission.Bytes, 12 * Chunk, (96 << 20) + Limit);
        foreach (var call in calls) call.Dispose();
        await Task.WhenAll(sending).ContinueWith(_ => { });
        while (Admission.Requests > 0)
        {
            Assert.False(limit.IsCancellationRequested, $"{Admission.Requests} places should have been given back");
            await Task.Yield();
        }
        Assert.Equal(0, Admission.Bytes);
    }

    private static ScoreRequest Request(byte[] data) =>
        new()
        {
            Category = "plate",
            Image = new Image { Format = PixelFormat.Encoded, Data = UnsafeByteOperations.UnsafeWrap(data), Name = "test" }
        };
}
