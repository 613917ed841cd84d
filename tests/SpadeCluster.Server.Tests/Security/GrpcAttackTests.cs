using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Spade.V1;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>Attacks and bad requests over gRPC, each with the status it must get, sent as bytes. None may bring the server down.</summary>
public sealed class GrpcAttackTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Score = "spade.v1.Scoring/Score", Retire = "spade.v1.Galleries/Retire", Rollback = "spade.v1.Galleries/Rollback";

    private static readonly Dictionary<string, (StatusCode Status, Func<ServerFixture, Task<StatusCode>> SendAsync)> Table =
        new(StringComparer.Ordinal)
        {
            ["text that is no key"] = (StatusCode.Unauthenticated, s => SendAsync(s, "' OR 1=1 --", Score, Of(Photo()))),
            ["an expired key"] = (StatusCode.Unauthenticated, s => SendAsync(s, s.Expired, Score, Of(Photo()))),
            ["a revoked key"] = (StatusCode.Unauthenticated, s => SendAsync(s, s.Revoked, Score, Of(Photo()))),
            ["unknown service"] = (StatusCode.Unimplemented, s => SendAsync(s, s.Engineer, "spade.v1.Nothing/Score", Of(Photo()))),
            ["unknown method"] = (StatusCode.Unimplemented, s => SendAsync(s, s.Engineer, "spade.v1.Scoring/Nothing", Of(Photo()))),
            ["bytes that are no message"] = (StatusCode.Unknown, s => SendAsync(s, s.Operator, Score, Framed([0xFF, 0xFF, 0xFF]))),
            ["bytes that are no message, in a stream"] =
                (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score + "Stream", Framed([0xFF, 0xFF, 0xFF]))),
            ["no message"] = (StatusCode.Internal, s => SendAsync(s, s.Operator, Score, [])),
            ["half a head"] = (StatusCode.Internal, s => SendAsync(s, s.Operator, Score, [0, 0])),
            ["a message that ends early"] = (StatusCode.Internal, s => SendAsync(s, s.Operator, Score, [0, 0, 0, 1, 0, 1, 2, 3])),
            ["a head that announces 4 GB"] =
                (StatusCode.ResourceExhausted, s => SendAsync(s, s.Operator, Score, [0, 0xFF, 0xFF, 0xFF, 0xFF])),
            ["compressed by a method that is not named"] =
                (StatusCode.Internal, s => SendAsync(s, s.Operator, Score, Framed([1, 2, 3], compressed: true))),
            ["gzip bomb"] = (StatusCode.ResourceExhausted, s => SendAsync(s, s.Operator, Score, Framed(Bomb(), compressed: true), "gzip")),
            ["a large question about health, without a key"] =
                (StatusCode.Unknown, s => SendAsync(s, "", "grpc.health.v1.Health/Check", Large())),
            ["a large question about the server, without a key"] =
                (StatusCode.Unknown, s => SendAsync(s, "", "inference.GRPCInferenceService/ServerLive", Large())),
            ["traversal in the category"] = (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(Photo("../../etc")))),
            ["NUL in the category"] = (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(Photo("discs\0")))),
            ["no category"] = (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(Photo("")))),
            ["unknown category"] = (StatusCode.NotFound, s => SendAsync(s, s.Operator, Score, Of(Photo("nope")))),
            ["no image"] = (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(new ScoreRequest { Category = "discs" }))),
            ["not an image"] = (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(Photo(data: "<html>"u8.ToArray())))),
            ["a truncated image"] = (StatusCode.InvalidArgument, s =>
                SendAsync(s, s.Operator, Score, Of(Photo(data: Part.Good(1)[..200])))),
            ["pixel bomb"] = (StatusCode.ResourceExhausted, s =>
                SendAsync(s, s.Operator, Score, Of(Photo(data: "P6\n60000 60000\n255\n"u8.ToArray())))),
            ["bare pixels: too few"] = (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(Pixels(10, 10, 299)))),
            ["bare pixels: a size that overflows"] =
                (StatusCode.InvalidArgument, s => SendAsync(s, s.Operator, Score, Of(Pixels(uint.MaxValue, uint.MaxValue, 300)))),
            ["retire without a reason"] = (StatusCode.InvalidArgument, s =>
                SendAsync(s, s.Engineer, Retire, Of(new RetireRequest { Category = "discs", Images = { "good-0.png" } }))),
            ["retire what is not there"] = (StatusCode.NotFound, s =>
                SendAsync(s, s.Engineer, Retire, Of(new RetireRequest { Category = "discs", Images = { "x.png" }, Reason = "x" }))),
            ["roll back to a version that never was"] = (StatusCode.NotFound, s =>
                SendAsync(s, s.Engineer, Rollback, Of(new RollbackRequest { Category = "discs", Version = 99, Reason = "x" }))),
        };

    public static TheoryData<string> Names => [.. Table.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Gets_its_status(string name)
    {
        var (expected, sendAsync) = Table[name];
        Assert.Equal(expected, await sendAsync(server));
        // And the server serves on.
        Assert.Equal(StatusCode.OK, await SendAsync(server, server.Operator, Score, Of(Photo())));
    }

    private static ScoreRequest Photo(string category = "discs", byte[]? data = null) => new()
    {
        Category = category,
        Image = new Image { Format = PixelFormat.Encoded, Name = "a.png", Data = ByteString.CopyFrom(data ?? Part.Good(1)) },
    };

    private static ScoreRequest Pixels(uint width, uint height, int bytes) => new()
    {
        Category = "discs",
        Image = new Image { Format = PixelFormat.Rgb8, Width = width, Height = height, Data = ByteString.CopyFrom(new byte[bytes]) },
    };

    private static byte[] Of(IMessage message) => Framed(message.ToByteArray());

    private static byte[] Framed(byte[] message, bool compressed = false)
    {
        byte[] framed = [compressed ? (byte)1 : (byte)0, 0, 0, 0, 0, .. message];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        return framed;
    }

    /// <summary>For any method, because a message may have unknown fields.</summary>
    private static byte[] Large() => Of(new HealthCheckRequest { Service = new string('a', 100_000) });

    /// <summary>100 MB of zeros, in 100 KB.</summary>
    private static byte[] Bomb()
    {
        var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal))
            for (int i = 0; i < 100; i++) gzip.Write(new byte[1 << 20]);
        return memory.ToArray();
    }

    private static async Task<StatusCode> SendAsync(ServerFixture s, string key, string method, byte[] body, string? encoding = null)
    {
        using var client = new HttpClient { BaseAddress = new Uri(s.GrpcAddress) };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/" + method)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.Add(new("trailers"));
        request.Headers.TryAddWithoutValidation("authorization", $"Bearer {key}");
        if (encoding is not null) request.Headers.Add("grpc-encoding", encoding);
        using var answer = await client.SendAsync(request);
        await answer.Content.ReadAsByteArrayAsync();
        string status = answer.Headers.Concat(answer.TrailingHeaders).Single(h => h.Key == "grpc-status").Value.Single();
        return (StatusCode)int.Parse(status, CultureInfo.InvariantCulture);
    }
}
