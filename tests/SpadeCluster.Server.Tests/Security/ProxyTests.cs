using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>A proxy on this machine forwards calls from other machines to the server.</summary>
public sealed class ProxyTests : IDisposable
{
    private readonly TestEngines _engines = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-proxy-").FullName;

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.9"), InlineData("Forwarded", "for=203.0.113.9"), InlineData("X-Real-IP", "203.0.113.9"),
        InlineData("Via", "1.1 proxy")]
    public async Task Without_any_key_a_caller_behind_a_proxy_is_not_taken_for_this_machine(string header, string value)
    {
        foreach (string[] proxies in (string[][])[[], ["127.0.0.1"]])
        {
            await using var app = await StartAsync(new ServerOptions { Proxies = proxies });
            using var client = Client(app);
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/audit")).StatusCode);
            client.DefaultRequestHeaders.Add(header, value);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/audit")).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.PostAsync("/v1/galleries/discs/retire", null)).StatusCode);
        }
    }

    [Theory]
    [InlineData(true, HttpStatusCode.Redirect), InlineData(false, HttpStatusCode.Forbidden)]
    public async Task Signing_in_through_a_proxy_that_ends_TLS_needs_the_proxy_configured(bool configured, HttpStatusCode expected)
    {
        await using var app = await StartAsync(new ServerOptions
        {
            Proxies = configured ? ["127.0.0.0/8"] : [],
            Hosts = ["spade.example"]
        });
        string key = (await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync("ann", Role.Viewer, [])).Text;
        using var browser = Client(app);
        browser.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.9");
        browser.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        browser.DefaultRequestHeaders.Add("X-Forwarded-Host", "spade.example");
        browser.DefaultRequestHeaders.Add("Origin", "https://spade.example");
        // The browser holds cookies for https://spade.example; this client calls another address, so the test copies them.
        var page = await browser.GetAsync("/sign-in");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent([new("__RequestVerificationToken",
                SessionTests.TokenIn(await page.Content.ReadAsStringAsync())),
                new("key", key), new("to", "/")]),
        };
        request.Headers.Add("Cookie", page.Headers.GetValues("Set-Cookie").Select(c => c.Split(';')[0]));
        var answer = await browser.SendAsync(request);
        Assert.Equal(expected, answer.StatusCode);
        if (!configured) return;
        Assert.All(answer.Headers.GetValues("Set-Cookie"), c => Assert.Contains("secure", c, StringComparison.OrdinalIgnoreCase));
        Assert.Contains(app.Services.GetRequiredService<AuditLog>().Read(), e => e.Action == "sign in" && e.Detail == "from 203.0.113.9");
    }

    [Fact]
    public void A_proxy_that_is_no_address_is_named()
    {
        var e = Assert.Throws<SpadeException>(() => TestServer.Create(
            new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder, Proxies = ["proxy.example"] },
            new InMemoryGalleryStore(), _engines));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("proxy.example", e.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<WebApplication> StartAsync(ServerOptions options)
    {
        var app = TestServer.Create(options with
        {
            Urls = ["http://127.0.0.1:0"],
            DataFolder = Path.Combine(_folder, Path.GetRandomFileName())
        },
            new InMemoryGalleryStore(), _engines);
        await app.StartAsync();
        return app;
    }

    private static HttpClient Client(WebApplication app) =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(app.Urls.First()) };
}
