using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cluster;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.OpenId;

/// <summary>People who sign in to the console at an OpenID Connect provider.</summary>
public sealed partial class OpenIdTests(OpenIdFixture server) : IClassFixture<OpenIdFixture>
{
    private AuditLog Audit => server.App.Services.GetRequiredService<AuditLog>();

    [OpenIdFact]
    public async Task A_person_has_the_role_that_the_provider_states_now_and_is_on_record_by_name()
    {
        await server.Provider!.TellAsync("ann", "other", "spade:viewer", "spade:engineer");
        using var first = await SignInAtProviderAsync("ann", "/galleries");
        Assert.Contains("Ann Example, engineer", await first.GetStringAsync("/galleries"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await first.GetAsync("/v1/audit")).StatusCode);
        var entry = Audit.Read().First(e => e.Action == "sign in");
        Assert.Matches("^Ann Example \\(oidc-[0-9a-f]{32}\\)$", entry.Caller);
        Assert.Contains($"ann at {server.Provider.Issuer}", entry.Detail, StringComparison.Ordinal);

        // What the provider takes away is gone from every session once the person signs in anew.
        await server.Provider.TellAsync("ann", "spade:viewer");
        using var second = await SignInAtProviderAsync("ann");
        Assert.Equal(HttpStatusCode.Forbidden, (await second.GetAsync("/v1/audit")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await first.GetAsync("/v1/audit")).StatusCode);

        // Signing out ends one session, revoking ends all and lets the person in no more.
        string token = SessionTests.TokenIn(await second.GetStringAsync("/"));
        await second.PostAsync("/sign-out", new FormUrlEncodedContent([new("__RequestVerificationToken", token)]));
        Assert.Equal(HttpStatusCode.Unauthorized, (await second.GetAsync("/v1/results")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await first.GetAsync("/v1/results")).StatusCode);
        using var engineer = server.Client(server.Engineer);
        Assert.Equal(HttpStatusCode.NoContent, (await engineer.DeleteAsync($"/v1/keys/{entry.Subject}")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await first.GetAsync("/v1/results")).StatusCode);
        using var refused = await SignInAtProviderAsync("ann", wrong: "revoked");
        Assert.Contains(Audit.Read(), e => e.Action is "sign in refused" or "sign in blocked");
    }

    [OpenIdFact]
    public async Task A_person_is_limited_to_the_categories_that_the_provider_states()
    {
        await server.Provider!.TellAsync("olaf", "spade:operator:other");
        using var browser = await SignInAtProviderAsync("olaf");
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/v1/galleries/other")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.GetAsync("/v1/galleries/discs")).StatusCode);
    }

    [OpenIdFact]
    public async Task A_person_without_a_role_does_not_come_in()
    {
        await server.Provider!.TellAsync("guest", "engineer", "spade", "spade:admin", "other:engineer");
        using var browser = await SignInAtProviderAsync("guest", wrong: "role");
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.GetAsync("/v1/results")).StatusCode);
    }

    [Theory]
    [InlineData(""), InlineData("?code=a&state=b"), InlineData("?error=access_denied&error_description=a%0D%0Ab&state=c")]
    public async Task An_answer_that_no_provider_gave_is_refused(string query)
    {
        using var client = server.Client(null);
        var answer = await client.GetAsync($"{OpenIdSignIn.Path}/done{query}");
        Assert.Equal("/sign-in?wrong=provider", answer.Headers.Location?.ToString());
        Assert.DoesNotContain(Audit.Read(), e => e.Detail.Contains('\n'));
    }

    [Fact]
    public async Task A_provider_that_does_not_answer_is_named()
    {
        await using var app = TestServer.Create(new ServerOptions
        {
            Urls = ["http://127.0.0.1:0"],
            DataFolder = Path.Combine(server.Folder, "data"),
            OpenIdAuthority = $"http://127.0.0.1:{LoopbackPorts.Next()}",
            OpenIdClient = "spade",
        }, new InMemoryGalleryStore(), new TestEngines());
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var answer = await client.GetAsync(OpenIdSignIn.Path);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("sign in with a key", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://login.example.com", "spade", true, "issuer"), InlineData("login", "spade", true, "issuer"),
        InlineData("https://login.example.com", null, true, "--oidc-client"),
        InlineData("https://login.example.com", "spade", false, "spade key create")]
    public void Settings_that_are_not_safe_are_refused(string authority, string? client, bool anyKey, string named)
    {
        var e = Assert.Throws<SpadeException>(() =>
            OpenIdSignIn.Check(new ServerOptions { OpenIdAuthority = authority, OpenIdClient = client }, anyKey));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", null, ""), InlineData("engineer 2 spade:2 spade: spade:viewer,engineer", null, ""),
        InlineData("spade:viewer", Role.Viewer, ""), InlineData("spade:viewer spade:engineer:a spade:engineer:b", Role.Engineer, "a,b"),
        InlineData("spade:operator spade:operator:a", Role.Operator, "")]
    public void The_highest_role_counts_in_its_own_categories(string values, Role? role, string categories)
    {
        var allowed = OpenIdSignIn.Allowed(values.Split(' '));
        Assert.Equal(role, allowed?.Role);
        Assert.Equal(categories, string.Join(',', allowed?.Categories ?? []));
    }

    [Theory]
    [InlineData("spade:engineer:a,b"), InlineData("spade:engineer:"), InlineData("spade:engineer:../a")]
    public void A_category_that_cannot_be_allows_nothing(string value) =>
        Assert.Throws<SpadeException>(() => OpenIdSignIn.Allowed([value]));

    /// <summary>What a browser does, up to the page that leads on or says what was wrong.</summary>
    private async Task<HttpClient> SignInAtProviderAsync(string login, string to = "/", string? wrong = null)
    {
        var browser = new HttpClient { BaseAddress = new Uri(server.Address) };
        var asked = await browser.GetAsync($"{OpenIdSignIn.Path}?to={to}");
        Assert.StartsWith(server.Provider!.Issuer, asked.RequestMessage!.RequestUri!.AbsoluteUri, StringComparison.Ordinal);
        var form = new Uri(asked.RequestMessage.RequestUri, Action().Match(await asked.Content.ReadAsStringAsync()).Groups[1].Value);
        var answer = await browser.PostAsync(form,
            new FormUrlEncodedContent([new("prompt", "login"), new("login", login), new("password", "any")]));
        Assert.Equal($"{server.Address}/sign-in?{(wrong is null ? $"entered=true&to={Uri.EscapeDataString(to)}" : $"wrong={wrong}")}",
            answer.RequestMessage!.RequestUri!.AbsoluteUri);
        if (wrong is null) Assert.Contains($"content=\"0;url={to}\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        return browser;
    }

    [GeneratedRegex("action=\"([^\"]+)\"")]
    private static partial Regex Action();
}
