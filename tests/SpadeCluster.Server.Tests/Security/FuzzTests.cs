using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Spade.V1;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>Tests that measure the memory of this process: they run while no other test of the project does.</summary>
[CollectionDefinition("memory", DisableParallelization = true)]
public sealed class MemoryCollection;

/// <summary>Bodies over HTTP and gRPC, changed at random by a seed: each is an answer below 500, and none leaves memory behind.</summary>
[Trait("Category", "Long")]
[Collection("memory")]
public sealed class FuzzTests(ServerFixture server, ITestOutputHelper output) : IClassFixture<ServerFixture>
{
    private const int Parts = 10, Mutations = 2_000, Warm = 200;

    private (string Path, string Type, byte[] Body)[] Http =>
    [
        ("/v1/score?category=discs", "image/png", Part.Good(1)),
        ("/v1/score?category=discs", "multipart/form-data; boundary=x",
            Encoding.ASCII.GetBytes("--x\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\nabc\r\n--x--\r\n")),
        ("/v1/galleries/discs/retire", "application/json", """{"images":["good-9.png"],"reason":"blurred"}"""u8.ToArray()),
        ("/v1/galleries/discs/rollback", "application/json", """{"version":1,"reason":"x"}"""u8.ToArray()),
        ("/v1/galleries/discs/reshard", "application/json", """{"shards":2}"""u8.ToArray()),
        ($"/v1/results/{server.Decision}/feedback", "application/json", """{"kind":"defect","note":"a scratch"}"""u8.ToArray()),
        ("/v1/keys", "application/json", """{"name":"a","role":"viewer","categories":["discs"],"days":1.5}"""u8.ToArray()),
        ("/v2/models/discs/infer", "application/json",
            """{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,2,3],"data":[1,2,3,4,5,6]}]}"""u8.ToArray()),
    ];

    private static readonly (string Method, IMessage Message)[] Grpc =
    [
        ("spade.v1.Scoring/Score", new ScoreRequest { Category = "discs", Image = Photo }),
        ("spade.v1.Scoring/ScoreStream", new ScoreStreamRequest { Category = "discs", RequestId = 1, Image = Photo }),
        ("spade.v1.Galleries/Retire", new RetireRequest { Category = "discs", Images = { "good-8.png" }, Reason = "x" }),
        ("spade.v1.Galleries/Rollback", new RollbackRequest { Category = "discs", Version = 1, Reason = "x" }),
        ("spade.v1.Galleries/GetGallery", new GetGalleryRequest { Category = "discs", IncludeImages = true }),
    ];

    private static Image Photo => new() { Format = PixelFormat.Encoded, Name = "a.png", Data = ByteString.CopyFrom(Part.Good(1)) };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, Parts)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task No_mutation_is_an_error_of_the_servers_or_stays_in_memory(int seed)
    {
        using var client = server.Client(server.Engineer);
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var random = new Random(20261128 + seed);
        var problems = new List<string>();
        var statuses = new SortedDictionary<string, int>(StringComparer.Ordinal);
        long memory = 0;
        for (int i = 0; i < Mutations && problems.Count < 5; i++)
        {
            if (i == Warm) memory = GC.GetTotalMemory(forceFullCollection: true);
            bool http = i % 2 == 0;
            string address, status;
            byte[] body;
            bool fails;
            if (http)
            {
                (address, string type, byte[] original) = Http[random.Next(Http.Length)];
                body = Mutate(original, random);
                using var content = new ByteArrayContent(body);
                content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
                using var answer = await client.PostAsync(address, content);
                (status, fails) = ($"HTTP {(int)answer.StatusCode}", (int)answer.StatusCode >= 500);
            }
            else
            {
                (address, var message) = Grpc[random.Next(Grpc.Length)];
                body = Mutate(message.ToByteArray(), random);
                var code = await RawGrpc.CallAsync(channel, address, body, server.Engineer);
                // Grpc.AspNetCore answers bytes that are no message of a unary call with Unknown.
                (status, fails) = ($"gRPC {code}", code is StatusCode.Internal or StatusCode.DataLoss or StatusCode.Unavailable
                    or StatusCode.DeadlineExceeded || (code == StatusCode.Unknown && IsMessage(message, body)));
            }
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            if (fails)
                problems.Add($"mutation {i} of {address}: {status}: {Convert.ToHexString(body.AsSpan(0, Math.Min(80, body.Length)))}");
        }
        Assert.Empty(problems);
        long grown = GC.GetTotalMemory(forceFullCollection: true) - memory;
        output.WriteLine($"{Mutations} mutations: {string.Join(", ", statuses.Select(s => $"{s.Value} {s.Key}"))}; memory "
            + $"{grown / 1e6:+0.0;-0.0} MB");
        Assert.True(grown < 64e6, $"{grown / 1e6:0.0} MB more");

        static bool IsMessage(IMessage kind, byte[] bytes)
        {
            try
            {
                kind.Descriptor.Parser.ParseFrom(bytes);
                return true;
            }
            catch (InvalidProtocolBufferException)
            {
                return false;
            }
        }
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        var body = original.ToList();
        for (int changes = random.Next(1, 5); changes > 0; changes--)
        {
            int at = body.Count == 0 ? 0 : random.Next(body.Count);
            switch (random.Next(6))
            {
                case 0 when body.Count > 0: body[at] = (byte)random.Next(256); break;
                case 1 when body.Count > 0: body[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: body.RemoveRange(at, Math.Min(random.Next(1, 40), body.Count - at)); break;
                case 3: body.InsertRange(at, Enumerable.Range(0, random.Next(1, 20)).Select(_ => (byte)random.Next(256))); break;
                case 4: body.InsertRange(at, body.Skip(random.Next(body.Count + 1)).Take(random.Next(60)).ToList()); break;
                default: body.RemoveRange(at, body.Count - at); break;
            }
        }
        return [.. body];
    }
}
