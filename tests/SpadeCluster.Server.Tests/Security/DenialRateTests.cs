using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Spade.V1;
using SpadeCluster.Cluster;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>
/// What a line on 127.0.0.2 notices of attacks from 127.0.0.1 on a server in a process of its own. Each attack is measured between two
/// quiet times. Attackers work on the same processors as the server, so what they send is bounded: it is the server's limits that are
/// measured, not the machine's.
/// </summary>
[Trait("Category", "Long")]
public sealed class DenialRateTests(OpenServerFixture files, ITestOutputHelper output) : IClassFixture<OpenServerFixture>
{
    private const int Images = 100, FirstImages = 50;
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private Uri _http = null!, _grpc = null!;
    private string _attacker = "";

    private (string Name, Func<CancellationToken, Task> RunAsync)[] Patterns =>
    [
        ("1,000 idle connections, 100 new ones a second", stop => HoldAsync("", 1000, stop)),
        ("1,000 half-sent headers, 100 new ones a second", stop => HoldAsync("GET / HTTP/1.1\r\nHost: a\r\nX-A: b", 1000, stop)),
        ("1,000 halves of an HTTP/2 preface, 100 new ones a second", stop => HoldAsync("PRI * HTTP/2.0\r\n\r\nSM", 1000, stop)),
        ("200 bodies of 4 MB that do not come, with a key", stop => HoldAsync(Score("Content-Length: 4000000"), 200, stop)),
        ("200 bodies without a length that do not come, with a key", stop => HoldAsync(Score("Transfer-Encoding: chunked"), 200, stop)),
        ("200 wrong keys a second", stop => FloodAsync(200, "spade_0123456789ab_wrong", HttpMethod.Get, "/v1/galleries", null, stop)),
        ("200 decisions read a second, with a key", stop => FloodAsync(200, _attacker, HttpMethod.Get, "/v1/results", null, stop)),
        ("50 images a second, with a key", stop => FloodAsync(50, _attacker, HttpMethod.Post, ScoreAddress, Part.Good(7), stop)),
        ("50 headers of 3.6 gigapixels a second, with a key",
            stop => FloodAsync(50, _attacker, HttpMethod.Post, ScoreAddress, "P6\n60000 60000\n255\n"u8.ToArray(), stop)),
        ("300 gRPC streams with images that they do not finish, with a key", StreamsAsync),
    ];

    private const string ScoreAddress = "/v1/score?category=discs";

    [Fact]
    public async Task A_line_keeps_its_rate_and_latency_under_each_of_ten_attacks_from_another_address()
    {
        string data = Path.Combine(files.Folder, "attacked"), line;
        await using (var database = ServerDatabase.Open(new ServerOptions { DataFolder = data }))
        {
            var keys = new ApiKeyStore(database, TimeProvider.System);
            _attacker = (await keys.CreateAsync("attacker", Role.Operator, [])).Text;
            line = (await keys.CreateAsync("line", Role.Operator, [])).Text;
        }
        _grpc = new Uri($"http://127.0.0.1:{LoopbackPorts.Next()}");
        var (process, address) = await ServerProcess.StartAsync(files.Folder, data, ["--grpc-urls", _grpc.OriginalString]);
        _http = new Uri(address);
        try
        {
            using var client = DenialTests.Client(_http, "127.0.0.2", line);
            await LineAsync(client, FirstImages);
            var before = await LineAsync(client, Images);
            var lost = new List<string>();
            foreach (var (name, attack) in Patterns)
            {
                using var stop = new CancellationTokenSource();
                var attacking = attack(stop.Token);
                // The runtime compiles the code that an attack is the first to use; this is not measured.
                await LineAsync(client, FirstImages);
                process.Refresh();
                var busy = process.TotalProcessorTime;
                var under = await LineAsync(client, Images);
                process.Refresh();
                busy = process.TotalProcessorTime - busy;
                await stop.CancelAsync();
                await attacking;
                var after = await LineAsync(client, Images);
                // The lower of both: what is left of an attack can still cost something when the quiet time after it begins.
                double quiet = Math.Min(before.P99, after.P99), rate = under.Rate / Math.Max(before.Rate, after.Rate);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"| {name} | {rate:0 %} | {Math.Min(before.Median, after.Median):0} / {under.Median:0} ms | {quiet:0} / "
                    + $"{under.P99:0} ms "
                    + $"| {under.P99 / quiet:0.0} | {busy.TotalSeconds:0.0} s |"));
                if (rate < 0.9 || under.P99 > 2 * quiet) lost.Add(name);
                before = after;
            }
            Assert.Empty(lost);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Images at a fixed pace, whether or not the ones before are answered.</summary>
    private static async Task<(double Rate, double Median, double P99)> LineAsync(HttpClient client, int images)
    {
        var clock = Stopwatch.StartNew();
        var waiting = new List<Task<double?>>();
        using var pace = new PeriodicTimer(Period);
        for (int i = 0; i < images; i++)
        {
            waiting.Add(SendAsync(i));
            await pace.WaitForNextTickAsync();
        }
        double?[] all = await Task.WhenAll(waiting);
        double seconds = clock.Elapsed.TotalSeconds;
        double[] answered = [.. all.OfType<double>().Order()];
        Assert.NotEmpty(answered);
        return (answered.Length / seconds, answered[answered.Length / 2], answered[(answered.Length - 1) * 99 / 100]);

        async Task<double?> SendAsync(int i)
        {
            var start = clock.Elapsed;
            using var answer = await client.PostAsync(ScoreAddress, ServerFixture.Image(Part.Good(i % 4)));
            return answer.StatusCode == HttpStatusCode.OK ? (clock.Elapsed - start).TotalMilliseconds : null;
        }
    }

    private string Score(string length) =>
        $"POST {ScoreAddress} HTTP/1.1\r\nHost: {_http.Authority}\r\nAuthorization: Bearer {_attacker}\r\nContent-Type: image/png\r\n"
        + $"{length}\r\n\r\n";

    /// <summary>Keeps so many connections that have sent something, and opens a further one every 10 ms instead of the oldest.</summary>
    private async Task HoldAsync(string sent, int most, CancellationToken stop)
    {
        var open = new Queue<Socket>();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        try
        {
            while (await pace.WaitForNextTickAsync(stop))
            {
                // The first of them at once.
                do await OpenAsync();
                while (open.Count < most / 2);
                if (open.Count > most) open.Dequeue().Dispose();
            }
        }
        catch (OperationCanceledException)
        {
            foreach (var socket in open) socket.Dispose();
        }

        async Task OpenAsync()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            open.Enqueue(socket);
            try
            {
                await socket.ConnectAsync(_http.Host, _http.Port, stop);
                await socket.SendAsync(Encoding.Latin1.GetBytes(sent), stop);
            }
            catch (SocketException)
            {
                // Closed: one too many.
            }
        }
    }

    private async Task FloodAsync(int perSecond, string key, HttpMethod method, string path, byte[]? body, CancellationToken stop)
    {
        using var client = DenialTests.Client(_http, "127.0.0.1", key);
        var waiting = new List<Task>();
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / perSecond));
        try
        {
            while (await pace.WaitForNextTickAsync(stop)) waiting.Add(SendAsync());
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(waiting);
        }

        async Task SendAsync()
        {
            try
            {
                using var request = new HttpRequestMessage(method, path);
                if (body is not null) request.Content = ServerFixture.Image(body);
                using var answer = await client.SendAsync(request, stop);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                // Refused, or over.
            }
        }
    }

    private async Task StreamsAsync(CancellationToken stop)
    {
        using var channel = GrpcChannel.ForAddress(_grpc,
            new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        var scoring = new Spade.V1.Scoring.ScoringClient(channel);
        var half = new ScoreStreamRequest
        {
            Category = "discs",
            RequestId = 1,
            Image = new Image { Format = PixelFormat.Encoded, Name = "a.png", Data = ByteString.CopyFrom(new byte[200_000]) },
            More = true,
        };
        await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using var call = scoring.ScoreStream(new Metadata { { "authorization", $"Bearer {_attacker}" } }, null, stop);
                    await call.RequestStream.WriteAsync(half, stop);
                    await call.ResponseStream.MoveNext(stop);
                }
                catch (Exception e) when (e is RpcException or HttpRequestException or OperationCanceledException
                    or InvalidOperationException or IOException)
                {
                    // Refused: again in a while; or over.
                    await Task.WhenAny(Task.Delay(TimeSpan.FromSeconds(1), stop));
                }
            }
        }, CancellationToken.None)));
    }
}
