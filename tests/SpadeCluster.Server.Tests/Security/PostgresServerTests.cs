using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>Two servers over one PostgreSQL: one set of keys, sessions and decisions, and one audit log.</summary>
public sealed class PostgresServerTests : IDisposable
{
    private readonly TestEngines _engines = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-pg-").FullName;

    [PostgresFact]
    public async Task Servers_share_keys_sessions_decisions_and_one_chain_of_audit_entries()
    {
        // If the tests run as root, PostgreSQL runs as another user.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        string connection = PrivatePostgres.Start(Path.Combine(_folder, "postgres"));
        try
        {
            var store = new InMemoryGalleryStore();
            var galleries = new GalleryService(store, _engines, "setup", 1);
            await galleries.AddAsync("discs",
                (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 5).Select(i => new ImageSource($"{i}", Part.Good(i)))]);
            await galleries.CalibrateAsync("discs", SpadeCluster.Scoring.ScoringOptions.DefaultFor(3) with { Alpha = 0.2 });
            await using var first = await StartAsync(store, connection);
            await using var second = await StartAsync(store, connection);

            var (text, key) = await first.Services.GetRequiredService<ApiKeyStore>().CreateAsync("ann", Role.Engineer, []);
            using var atSecond = Client(second);
            Assert.Equal(HttpStatusCode.Unauthorized, (await atSecond.GetAsync("/v1/galleries")).StatusCode);
            atSecond.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", text);
            Assert.Equal(HttpStatusCode.OK, (await atSecond.GetAsync("/v1/galleries")).StatusCode);

            // Photographs scored through both at once, in one log with ascending ids.
            using var atFirst = Client(first);
            atFirst.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", text);
            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i =>
                (i % 2 == 0 ? atFirst : atSecond).PostAsync("/v1/score?category=discs&line=A", ServerFixture.Image(Part.Good(i)))));
            Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.StatusCode));
            var log = second.Services.GetRequiredService<DecisionLog>();
            Assert.Equal(12, log.Find(new DecisionFilter(Category: "discs", Categories: ["discs"])).Count);
            Assert.Equal(HttpStatusCode.OK, (await atFirst.GetAsync($"/v1/results/{log.Newest()}/image")).StatusCode);
            Assert.Equal(["A"], log.Lines(["discs"]));
            Assert.Equal(HttpStatusCode.OK, (await atFirst.PostAsync($"/v1/results/{log.Newest()}/feedback",
                new StringContent("""{"kind":"defect"}""", System.Text.Encoding.UTF8, "application/json"))).StatusCode);

            // The live view of one shows what the other has scored.
            using (var live = await atSecond.GetAsync("/v1/results/live", HttpCompletionOption.ResponseHeadersRead))
            using (var events = new StreamReader(await live.Content.ReadAsStreamAsync()))
            using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60)))
            {
                await SeeAsync("event: hello");
                var far = await atFirst.PostAsync("/v1/score?category=discs&line=far", ServerFixture.Image(Part.Good(30)));
                Assert.Equal(HttpStatusCode.OK, far.StatusCode);
                await SeeAsync("\"line\":\"far\"");

                async Task SeeAsync(string text)
                {
                    while (await events.ReadLineAsync(limit.Token) is { } line)
                        if (line.Contains(text, StringComparison.Ordinal)) return;
                    Assert.Fail($"'{text}' should come");
                }
            }

            // Entries of both make one chain, which the tables' owner cannot quietly change.
            await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
                (i % 2 == 0 ? first : second).Services.GetRequiredService<AuditLog>().WriteAsync("ann", $"note {i}", "discs")));
            var audit = first.Services.GetRequiredService<AuditLog>();
            Assert.Null(AuditChain.Problem(audit.All()));
            Assert.True(audit.All().Count() >= 20);
            await Assert.ThrowsAsync<SpadeException>(() => first.Services.GetRequiredService<ServerDatabase>()
                .WriteAsync(c => c.Execute("UPDATE audit SET caller = 'bob'")));
            Assert.Null(AuditChain.Problem(audit.All()));
            Assert.Single(audit.Read(categories: ["discs"], limit: 1));

            // A session of one server is valid at the other, until its key is revoked there.
            string cookie = await SignedInAsync(first, text);
            Assert.Equal(HttpStatusCode.OK, await HomeAsync(second, cookie));
            await second.Services.GetRequiredService<ApiKeyStore>().RevokeAsync(key.Id);
            Assert.Equal(HttpStatusCode.Redirect, await HomeAsync(first, cookie));
        }
        finally
        {
            PrivatePostgres.Stop(Path.Combine(_folder, "postgres"));
        }
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<WebApplication> StartAsync(IGalleryStore store, string connection)
    {
        var app = TestServer.Create(new ServerOptions
        {
            Urls = ["http://127.0.0.1:0"],
            DataFolder = Path.Combine(_folder, "data"),
            Database = connection
        },
            store, _engines);
        await app.StartAsync();
        return app;
    }

    private static HttpClient Client(WebApplication app) =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(app.Urls.First()) };

    private static async Task<string> SignedInAsync(WebApplication app, string key)
    {
        using var browser = Client(app);
        var page = await browser.GetAsync("/sign-in");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent([new("__RequestVerificationToken",
                SessionTests.TokenIn(await page.Content.ReadAsStringAsync())),
                new("key", key), new("to", "/")]),
        };
        request.Headers.Add("Cookie", page.Headers.GetValues("Set-Cookie").Select(c => c.Split(';')[0]));
        return (await browser.SendAsync(request)).Headers.GetValues("Set-Cookie").Single().Split(';')[0];
    }

    private static async Task<HttpStatusCode> HomeAsync(WebApplication app, string cookie)
    {
        using var browser = Client(app);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("Cookie", cookie);
        return (await browser.SendAsync(request)).StatusCode;
    }
}

/// <summary>A test that starts a private PostgreSQL; skipped, by name, without PostgreSQL.</summary>
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute()
    {
        if (PrivatePostgres.BinFolder is null) Skip = "needs PostgreSQL (initdb, pg_ctl), which is not installed";
    }
}
