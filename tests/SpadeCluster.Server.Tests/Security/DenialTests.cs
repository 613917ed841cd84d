using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>
/// One address or one key must not be able to stop the others. Attacks come from 127.0.0.1, the line from 127.0.0.2. Whether a limit
/// holds is asserted by answers, not by times.
/// </summary>
public sealed class DenialTests : IAsyncLifetime
{
    private readonly TestEngines _engines = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-denial-").FullName;
    private readonly List<TcpClient> _open = [];
    private WebApplication _app = null!;
    private Uri _address = null!;
    private string _attacker = "", _line = "";

    public async Task InitializeAsync()
    {
        var store = new InMemoryGalleryStore();
        var galleries = new GalleryService(store, _engines, "setup", 1);
        await galleries.AddAsync("discs",
            (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 4).Select(i => new ImageSource($"{i}", Part.Good(i)))]);
        await galleries.CalibrateAsync("discs", SpadeCluster.Scoring.ScoringOptions.DefaultFor(3) with { Alpha = 0.3 });
        _app = TestServer.Create(new ServerOptions
        {
            Urls = ["http://127.0.0.1:0"],
            DataFolder = Path.Combine(_folder, "data"),
            ConnectionsPerAddress = 64,
            MaxConnections = 80,
            MaxBodyBytes = 4 << 20,
        }, store, _engines);
        await _app.StartAsync();
        _address = new Uri(_app.Urls.First());
        var keys = _app.Services.GetRequiredService<ApiKeyStore>();
        _attacker = (await keys.CreateAsync("attacker", Role.Operator, [])).Text;
        _line = (await keys.CreateAsync("line", Role.Operator, [])).Text;
    }

    public async Task DisposeAsync()
    {
        foreach (var tcp in _open) tcp.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("nothing", ""), InlineData("half a request line", "GET /v1/res"),
        InlineData("half-sent headers", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b"),
        InlineData("keep-alive", "GET /v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        InlineData("half of a TLS hello", "\x16\x03\x01\x02"),
        InlineData("half of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM")]
    public async Task Connections_of_one_address_leave_room_for_another(string kind, string sent)
    {
        Assert.NotEmpty(kind);
        // Far more than the server takes in all.
        for (int i = 0; i < 300; i++)
        {
            var tcp = new TcpClient();
            _open.Add(tcp);
            try
            {
                await tcp.ConnectAsync(_address.Host, _address.Port);
                await tcp.GetStream().WriteAsync(Encoding.Latin1.GetBytes(sent));
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // Closed by the server: one connection too many.
            }
        }
        await ScoresAsync(8);
    }

    [Theory]
    [InlineData(100_000), InlineData(4_000_000), InlineData(null)]
    public async Task Bodies_that_do_not_come_leave_places_and_bytes_for_another_key(int? announced)
    {
        // All of these are admitted or refused before any of their bodies comes.
        for (int i = 0; i < 60; i++)
        {
            var tcp = new TcpClient();
            _open.Add(tcp);
            await tcp.ConnectAsync(_address.Host, _address.Port);
            string length = announced is { } n
                ? $"Content-Length: {n.ToString(CultureInfo.InvariantCulture)}" : "Transfer-Encoding: chunked";
            await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"POST /v1/score?category=discs HTTP/1.1\r\nHost: "
                + $"{_address.Authority}\r\n"
                + $"Authorization: Bearer {_attacker}\r\nContent-Type: image/png\r\n{length}\r\n\r\n"));
        }
        await ScoresAsync(8);
    }

    [Fact]
    public async Task Wrong_keys_and_floods_of_one_caller_leave_another_its_answers()
    {
        using var stop = new CancellationTokenSource();
        using var wrong = Client(_address, "127.0.0.1", "spade_0123456789ab_wrong");
        using var flood = Client(_address, "127.0.0.1", _attacker);
        var attacks = Enumerable.Range(0, 16).Select(i => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using var answer = i % 2 == 0 ? await wrong.GetAsync("/v1/galleries", stop.Token)
                        : await flood.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(i)), stop.Token);
                }
                catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
                {
                    // Refused, or ended.
                }
            }
        })).ToList();
        // The same address as the attacks: they differ in the key only.
        await ScoresAsync(8, "127.0.0.1");
        await stop.CancelAsync();
        await Task.WhenAll(attacks);
    }

    private async Task ScoresAsync(int count, string from = "127.0.0.2")
    {
        using var client = Client(_address, from, _line);
        for (int i = 0; i < count; i++)
        {
            using var answer = await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(i)));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    internal static HttpClient Client(Uri address, string from, string key)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
                await socket.ConnectAsync(address.Host, address.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }
}
