using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace SpadeCluster.Server.Tests;

/// <summary>Attacks and bad requests, each with the status it must get. None may bring the server down or leave a slot taken.</summary>
public sealed class AttackTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private const string Score = "/v1/score?category=discs";

    private static readonly Dictionary<string, (int Status, Func<ServerFixture, Task<int>> Send)> Table = new(StringComparer.Ordinal)
    {
        ["no key"] = (401, s => Post(s, null, Score, Png())),
        ["no key, reading"] = (401, s => Get(s, null, "/v1/galleries")),
        ["a key that never was"] = (401, s => Get(s, "spade_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/v1/galleries")),
        ["a key's id with another secret"] = (401, s => Get(s, s.Viewer[..^4] + "AAAA", "/v1/galleries")),
        ["text that is no key"] = (401, s => Get(s, "' OR 1=1 --", "/v1/galleries")),
        ["an expired key"] = (401, s => Get(s, s.Expired, "/v1/galleries")),
        ["a revoked key"] = (401, s => Get(s, s.Revoked, "/v1/galleries")),
        ["a forged cookie"] = (401, s =>
            Raw(s, $"GET /v1/galleries HTTP/1.1\r\nHost: {Host(s)}\r\nCookie: spade-console=CfDJ8AAAA\r\nConnection: close\r\n\r\n")),
        ["viewer scores"] = (403, s => Post(s, s.Viewer, Score, Png())),
        ["viewer gives feedback"] = (403, s => Post(s, s.Viewer, $"/v1/results/{s.Decision}/feedback", Json("""{"kind":"good"}"""))),
        ["operator adds normals"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/images", Png())),
        ["operator retires"] = (403, s =>
            Post(s, s.Operator, "/v1/galleries/discs/retire", Json("""{"images":["good-0.png"],"reason":"x"}"""))),
        ["operator reshards"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/reshard", Json("""{"shards":2}"""))),
        ["operator rolls back"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/rollback", Json("""{"version":1,"reason":"x"}"""))),
        ["operator begins a trial"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/trial", Json("""{"reason":"x"}"""))),
        ["operator calibrates"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/calibrate", Json("{}"))),
        ["operator compares"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/comparison?a=1&b=2", TestSet(Part.Good(1)))),
        ["operator evaluates"] = (403, s => Post(s, s.Operator, "/v1/galleries/discs/evaluation", TestSet(Part.Good(1)))),
        ["key of another category compares with it"] =
            (403, s => Post(s, s.Scoped, "/v1/galleries/other/comparison?with=discs", TestSet(Part.Good(1)))),
        ["key of another category reads the evaluation"] = (403, s => Get(s, s.Scoped, "/v1/galleries/discs/evaluation")),
        ["test set: a zip file that is none"] =
            (400, s => Post(s, s.Engineer, "/v1/galleries/discs/evaluation", TestSet("PK\u0003\u0004"u8.ToArray()))),
        ["test set: zip bomb"] = (413, s => Post(s, s.Engineer, "/v1/galleries/discs/evaluation",
            TestSet(TestSets.Zip.Of(("good/a.png", new byte[3 << 20]), ("good/b.png", new byte[3 << 20]))))),
        ["test set: traversal, and no photograph"] = (400, s => Post(s, s.Engineer, "/v1/galleries/discs/evaluation",
            TestSet(TestSets.Zip.Of(("../../../etc/passwd", [1]))))),
        ["operator takes a snapshot"] = (403, s => Get(s, s.Operator, "/v1/galleries/discs/snapshot")),
        ["operator reads the audit log"] = (403, s => Get(s, s.Operator, "/v1/audit")),
        ["key of another category scores"] = (403, s => Post(s, s.Scoped, Score, Png())),
        ["key of another category reads the gallery"] = (403, s => Get(s, s.Scoped, "/v1/galleries/discs")),
        ["key of another category filters results"] = (403, s => Get(s, s.Scoped, "/v1/results?category=discs")),
        ["key of another category guesses a decision"] = (404, s => Get(s, s.Scoped, $"/v1/results/{s.Decision}")),
        ["key of another category guesses a photograph"] = (404, s => Get(s, s.Scoped, $"/v1/results/{s.Decision}/image")),
        ["key of another category infers"] = (403, s => Post(s, s.Scoped, "/v2/models/discs/infer", Json("{}"))),
        ["traversal in the category"] = (400, s => Post(s, s.Operator, "/v1/score?category=../../etc", Png())),
        ["encoded traversal in the path"] = (400, s => Get(s, s.Engineer, "/v1/galleries/..%2F..%2Fetc")),
        ["dots in the path"] = (404, s =>
            Raw(s, $"GET /assets/../../../../etc/passwd HTTP/1.1\r\nHost: {Host(s)}\r\nAuthorization: Bearer {s.Viewer}\r\nConnection: "
                + $"close\r\n\r\n")),
        ["NUL in the category"] = (400, s => Post(s, s.Operator, "/v1/score?category=discs%00", Png())),
        ["line break in the category"] = (400, s => Post(s, s.Operator, "/v1/score?category=discs%0D%0ASet-Cookie:a=b", Png())),
        ["markup as line name"] = (400, s => Post(s, s.Operator, Score + "&line=%3Cscript%3E", Png())),
        ["SQL as line filter finds nothing"] = (200, s => Get(s, s.Viewer, "/v1/results?line=' OR 1=1 --")),
        ["unknown category"] = (404, s => Post(s, s.Operator, "/v1/score?category=nope", Png())),
        ["no category"] = (400, s => Post(s, s.Operator, "/v1/score", Png())),
        ["not an image"] = (400, s => Post(s, s.Operator, Score, ServerFixture.Image(Encoding.ASCII.GetBytes("<html>hello</html>")))),
        ["a truncated image"] = (400, s => Post(s, s.Operator, Score, ServerFixture.Image(Part.Good(1)[..200]))),
        ["pixel bomb: a header of 60000x60000"] =
            (413, s => Post(s, s.Operator, Score, ServerFixture.Image(Encoding.ASCII.GetBytes("P6\n60000 60000\n255\n")))),
        ["zip bomb: rows beyond the header's size"] = (400, s => Post(s, s.Operator, Score, ServerFixture.Image(ZipBomb()))),
        ["empty body"] = (400, s => Post(s, s.Operator, Score, ServerFixture.Image([]))),
        ["text as content type"] = (415, s => Post(s, s.Operator, Score, new StringContent("hello"))),
        ["no content type"] = (415, s => Post(s, s.Operator, Score, new ByteArrayContent(Part.Good(1)))),
        ["gzip as content encoding"] = (415, s => Post(s, s.Operator, Score, Encoded())),
        ["announced body over the limit"] =
            (413, s => Raw(s, $"POST {Score} HTTP/1.1\r\nHost: {Host(s)}\r\nAuthorization: Bearer {s.Operator}\r\nContent-Type: "
                + $"image/png\r\nContent-Length: 5000000\r\n\r\n")),
        ["chunked body over the limit"] = (413, s => Chunked(s)),
        ["multipart without boundary"] = (400, s => Post(s, s.Operator, Score, Typed("multipart/form-data"))),
        ["multipart without file"] =
            (400, s => Post(s, s.Operator, Score, new MultipartFormDataContent { { new StringContent("x"), "image" } })),
        ["two files where one is taken"] =
        (400, s => Post(s, s.Operator, Score, new MultipartFormDataContent { { Png(), "image", "a.png" }, { Png(), "image", "b.png" } })),
        ["multipart cut short"] =
        (400, s => Post(s, s.Operator, Score,
            Typed("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\nabc"))),
        ["multipart whose part has too long a header"] = (400, s => Post(s, s.Operator, Score,
            Typed("multipart/form-data; boundary=x", $"--x\r\nX-A: {new string('a', 20_000)}\r\n\r\nabc\r\n--x--\r\n"))),
        ["sign-in whose part has too long a header"] = (400, s => Post(s, null, "/sign-in",
            Typed("multipart/form-data; boundary=x", $"--x\r\nX-A: {new string('a', 20_000)}\r\n\r\nabc\r\n--x--\r\n"))),
        ["bare pixels: too few"] = (400, s => Post(s, s.Operator, Score, Pixels("rgb8", 10, 10, 299))),
        ["bare pixels: unknown format"] = (400, s => Post(s, s.Operator, Score, Pixels("yuv", 10, 10, 300))),
        ["bare pixels: no size"] = (400, s => Post(s, s.Operator, Score, Pixels("rgb8", 0, 10, 300))),
        ["bare pixels: too many"] = (413, s => Post(s, s.Operator, Score, Pixels("gray8", 2_000_000_000, 2_000_000_000, 300))),
        ["huge header"] = (431, s => Raw(s, $"GET / HTTP/1.1\r\nHost: {Host(s)}\r\nX-A: {new string('a', 40_000)}\r\n\r\n")),
        ["too many headers"] = (431, s =>
            Raw(s, $"GET / HTTP/1.1\r\nHost: {Host(s)}\r\n{string.Concat(Enumerable.Range(0, 200).Select(i => $"X-{i}: a\r\n"))}\r\n")),
        ["too long an address"] = (414, s => Raw(s, $"GET /{new string('a', 9_000)} HTTP/1.1\r\nHost: {Host(s)}\r\n\r\n")),
        ["no host"] = (400, s => Raw(s, "GET / HTTP/1.1\r\n\r\n")),
        ["two content lengths"] =
            (400, s => Raw(s, $"POST {Score} HTTP/1.1\r\nHost: {Host(s)}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde")),
        ["line feed inside a header"] =
        (400, s => Raw(s, $"GET / HTTP/1.1\r\nHost: {Host(s)}\r\nX-Request-Id: a\rSet-Cookie: b=c\r\n\r\n")),
        ["not HTTP at all"] = (400, s => Raw(s, "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")),
        ["another host name (DNS rebinding)"] =
            (421, s => Raw(s, $"GET /v1/galleries HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")),
        ["a change from another site's page"] =
        (403, s => Raw(s, $"POST {Score} HTTP/1.1\r\nHost: {Host(s)}\r\nOrigin: https://evil.example\r\nAuthorization: Bearer "
            + $"{s.Operator}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
        ["a change that the browser calls cross-site"] =
        (403, s => Raw(s, $"DELETE /v1/results/{s.Decision}/feedback/1 HTTP/1.1\r\nHost: {Host(s)}\r\nSec-Fetch-Site: "
            + $"cross-site\r\nAuthorization: Bearer {s.Operator}\r\nConnection: close\r\n\r\n")),
        // A server that wants to read the body says so first: 100.
        ["sign-in with a large form"] = (400, s => LargeForm(s, "/sign-in")),
        ["sign-out with a large form"] = (400, s => LargeForm(s, "/sign-out")),
        ["language with a large form"] = (400, s => LargeForm(s, "/language")),
        ["sign-in with a large upload"] = (400, s => LargeForm(s, "/sign-in", "multipart/form-data; boundary=x")),
        ["sign-in without the form's token (CSRF)"] =
        (400, s => Post(s, null, "/sign-in", new FormUrlEncodedContent([new("key", s.Viewer)]))),
        ["sign-out without the form's token (CSRF)"] = (400, s => Post(s, null, "/sign-out", new FormUrlEncodedContent([]))),
        ["wrong method"] = (405, s => Get(s, s.Operator, Score)),
        ["unknown address"] = (404, s => Get(s, s.Viewer, "/v1/nothing")),
        ["damaged JSON"] = (400, s => Post(s, s.Engineer, "/v1/galleries/discs/retire", Json("{"))),
        ["deeply nested JSON"] = (400, s => Post(s, s.Operator, "/v2/models/discs/infer", Json(new string('[', 2000)))),
        ["retire without a reason"] = (400, s => Post(s, s.Engineer, "/v1/galleries/discs/retire", Json("""{"images":["good-0.png"]}"""))),
        ["no shards"] = (400, s => Post(s, s.Engineer, "/v1/galleries/discs/reshard", Json("{}"))),
        ["roll back to a version that never was"] =
            (404, s => Post(s, s.Engineer, "/v1/galleries/discs/rollback", Json("""{"version":99,"reason":"x"}"""))),
        ["calibrate at a rate of 2"] = (400, s => Post(s, s.Engineer, "/v1/galleries/discs/calibrate", Json("""{"alpha":2}"""))),
        ["limit of 0"] = (400, s => Get(s, s.Viewer, "/v1/results?limit=0")),
        ["unknown verdict"] = (400, s => Get(s, s.Viewer, "/v1/results?verdict=maybe")),
        ["decision that never was"] = (404, s => Get(s, s.Viewer, "/v1/results/999999")),
        ["evidence outside the image"] = (400, s => Get(s, s.Viewer, $"/v1/results/{s.Decision}/evidence?x=1e9&y=0")),
        ["evidence at NaN"] = (400, s => Get(s, s.Viewer, $"/v1/results/{s.Decision}/evidence?x=NaN&y=0")),
        ["thumbnail of no image"] = (400, s => Get(s, s.Viewer, "/v1/galleries/discs/images/..%2Fx/thumbnail")),
        ["inference with another shape"] =
            (400, s => Post(s, s.Operator, "/v2/models/discs/infer",
                Json("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[9,9,3],"data":[1,2,3]}]}"""))),
        ["inference of nothing"] = (400, s => Post(s, s.Operator, "/v2/models/discs/infer", Json("""{"inputs":[null]}"""))),
        ["inference of an output that is nothing"] = (400, s => Post(s, s.Operator, "/v2/models/discs/infer",
            Json("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}],"outputs":[null]}"""))),
        ["inference of an output without a name"] = (400, s => Post(s, s.Operator, "/v2/models/discs/infer",
            Json("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}],"outputs":[{}]}"""))),
        ["inference of a shape that overflows"] =
        (413, s => Post(s, s.Operator, "/v2/models/discs/infer",
            Json("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[2000000000,2000000000,3],"data":[1]}]}"""))),
        ["inference whose header length lies"] =
        (400, s => Post(s, s.Operator, "/v2/models/discs/infer", With(Json("{}"), "Inference-Header-Content-Length", "999999"))),
        // An answer to gRPC's content type has its status in a header.
        ["slow body that claims to be gRPC"] = (200, s =>
            Raw(s, $"POST /v2/models/discs/infer HTTP/1.1\r\nHost: {Host(s)}\r\nAuthorization: Bearer {s.Operator}\r\nContent-Type: "
                + $"application/grpc\r\nContent-Length: 100000\r\n\r\nabc")),
        ["slow body"] = (408, s =>
            Raw(s, $"POST {Score} HTTP/1.1\r\nHost: {Host(s)}\r\nAuthorization: Bearer {s.Operator}\r\nContent-Type: "
                + $"image/png\r\nContent-Length: 100000\r\n\r\nabc")),
    };

    public static TheoryData<string> Names => [.. Table.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Gets_its_status(string name)
    {
        var (expected, send) = Table[name];
        Assert.Equal(expected, await send(server));
        // The server still answers.
        Assert.Equal(200, await Post(server, server.Operator, Score, Png()));
    }

    private static async Task<int> Get(ServerFixture s, string? key, string url)
    {
        using var client = s.Client(null);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        if (key is not null) request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        return await Status(await client.SendAsync(request));
    }

    private static async Task<int> Post(ServerFixture s, string? key, string url, HttpContent content)
    {
        using var client = s.Client(key);
        return await Status(await client.PostAsync(url, content));
    }

    /// <summary>Every refusal is a problem with a sentence and the request's id, and leaks neither stack nor path.</summary>
    private static async Task<int> Status(HttpResponseMessage answer)
    {
        string body = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotContain("   at ", body, StringComparison.Ordinal);
        Assert.True(answer.Headers.Contains("X-Request-Id"));
        Assert.True(answer.Headers.Contains("Content-Security-Policy"));
        if ((int)answer.StatusCode is >= 400 and not 400 || answer.Content.Headers.ContentType?.MediaType == "application/problem+json")
            Assert.Contains(answer.RequestMessage!.RequestUri!.AbsolutePath.StartsWith("/v2/", StringComparison.Ordinal)
                ? "{\"error\":" : "\"request_id\"", body, StringComparison.Ordinal);
        return (int)answer.StatusCode;
    }

    private static Task<int> LargeForm(ServerFixture s, string path, string type = "application/x-www-form-urlencoded") =>
        Raw(s, $"POST {path} HTTP/1.1\r\nHost: {Host(s)}\r\nContent-Type: {type}\r\nContent-Length: 1000000\r\n"
            + "Expect: 100-continue\r\nConnection: close\r\n\r\n");

    private static async Task<int> Raw(ServerFixture s, string text)
    {
        using var tcp = new TcpClient();
        var url = new Uri(s.Address);
        await tcp.ConnectAsync(url.Host, url.Port);
        var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        string line = await reader.ReadLineAsync(limit.Token) ?? throw new IOException("closed without an answer");
        string head = "";
        while (await reader.ReadLineAsync(limit.Token) is { Length: > 0 } header) head += header + "\n";
        Assert.DoesNotContain("Set-Cookie", head, StringComparison.OrdinalIgnoreCase);
        return int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private static async Task<int> Chunked(ServerFixture s)
    {
        using var client = s.Client(s.Operator);
        var content = new StreamContent(new MemoryStream(new byte[(4 << 20) + 1]))
        {
            Headers =
            { ContentType = new MediaTypeHeaderValue("image/png") }
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, Score) { Content = content };
        request.Headers.TransferEncodingChunked = true;
        return await Status(await client.SendAsync(request));
    }

    private static string Host(ServerFixture s) => new Uri(s.Address).Authority;
    private static ByteArrayContent Png() => ServerFixture.Image(Part.Good(1));
    private static MultipartFormDataContent TestSet(byte[] file) => new() { { ServerFixture.Image(file), "set", "good/a.png" } };
    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static ByteArrayContent Typed(string type, string text = "")
    {
        var content = new ByteArrayContent(Encoding.ASCII.GetBytes(text));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return content;
    }

    private static ByteArrayContent Encoded() => (ByteArrayContent)With(Png(), "Content-Encoding", "gzip");

    private static HttpContent With(HttpContent content, string name, string value)
    {
        content.Headers.TryAddWithoutValidation(name, value);
        return content;
    }

    private static HttpContent Pixels(string format, int width, int height, int bytes)
    {
        var content = ServerFixture.Image(new byte[bytes], "application/octet-stream");
        With(content, "X-Pixel-Format", format);
        With(content, "X-Width", width.ToString(CultureInfo.InvariantCulture));
        return With(content, "X-Height", height.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A PNG of 16x16 pixels whose deflate stream goes on for 64 MB of zeros.</summary>
    private static byte[] ZipBomb()
    {
        var memory = new MemoryStream();
        using (var zlib = new System.IO.Compression.ZLibStream(memory, System.IO.Compression.CompressionLevel.Optimal, leaveOpen: true))
            for (int i = 0; i < 64; i++) zlib.Write(new byte[1 << 20]);
        var png = new MemoryStream();
        png.Write([0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]);
        Chunk("IHDR", [0, 0, 0, 16, 0, 0, 0, 16, 8, 2, 0, 0, 0]);
        Chunk("IDAT", memory.ToArray());
        Chunk("IEND", []);
        return png.ToArray();

        void Chunk(string type, byte[] data)
        {
            byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
            png.Write([(byte)(data.Length >> 24), (byte)(data.Length >> 16), (byte)(data.Length >> 8), (byte)data.Length]);
            png.Write(body);
            uint crc = 0xFFFFFFFF;
            foreach (byte b in body)
            {
                crc ^= b;
                for (int k = 0; k < 8; k++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
            crc = ~crc;
            png.Write([(byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc]);
        }
    }
}
