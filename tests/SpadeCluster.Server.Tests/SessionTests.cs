using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

public sealed partial class SessionTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task A_session_ends_when_its_key_is_revoked()
    {
        var keys = server.App.Services.GetRequiredService<ApiKeyStore>();
        var (text, key) = await keys.CreateAsync("brief", Role.Viewer, []);
        using var browser = Browser();
        Assert.Equal("/", (await SignInAsync(browser, text)).Headers.Location!.ToString());
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/v1/results")).StatusCode);
        await keys.RevokeAsync(key.Id);
        Assert.Equal(HttpStatusCode.Redirect, (await browser.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.GetAsync("/v1/results")).StatusCode);
    }

    [Theory]
    [InlineData("//evil.example"), InlineData("/\\evil.example"), InlineData("https://evil.example"), InlineData("/a\r\nSet-Cookie: x=y"),
        InlineData("")]
    public async Task Signing_in_leads_to_this_server_only(string to)
    {
        using var browser = Browser();
        Assert.Equal("/", (await SignInAsync(browser, server.Viewer, to)).Headers.Location!.ToString());
    }

    private HttpClient Browser() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() })
        {
            BaseAddress =
            new Uri(server.Address)
        };

    internal static async Task<HttpResponseMessage> SignInAsync(HttpClient browser, string key, string to = "/")
    {
        string token = TokenIn(await browser.GetStringAsync("/sign-in"));
        return await browser.PostAsync("/sign-in",
            new FormUrlEncodedContent([new("__RequestVerificationToken", token), new("key", key), new("to", to)]));
    }

    internal static string TokenIn(string page) => Token().Match(page).Groups[1].Value;

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex Token();
}

public sealed class GuessingTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Guessing_keys_is_stopped()
    {
        using var client = server.Client("spade_0123456789ab_wrongwrongwrong");
        var statuses = new List<HttpStatusCode>();
        // A new minute may begin between the two.
        for (int i = 0; i < 50; i++) statuses.Add((await client.GetAsync("/v1/galleries")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, statuses[0]);
        Assert.Contains(HttpStatusCode.TooManyRequests, statuses);
    }
}

public sealed class OpenServerTests(OpenServerFixture server) : IClassFixture<OpenServerFixture>
{
    [Fact]
    public async Task Without_any_key_this_machine_needs_none_and_the_first_key_ends_that()
    {
        using var client = server.Client(null);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/audit")).StatusCode);
        var keys = server.App.Services.GetRequiredService<ApiKeyStore>();
        var (_, first) = await keys.CreateAsync("first", Role.Engineer, []);
        await StaysClosedAsync();
        // Permanently: revoking the last key does not open the server again.
        await keys.RevokeAsync(first.Id);
        Assert.False(keys.AnyValid());
        await StaysClosedAsync();

        async Task StaysClosedAsync()
        {
            Assert.Equal(HttpStatusCode.Redirect, (await client.GetAsync("/")).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/audit")).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.PostAsync("/v1/galleries/discs/retire", null)).StatusCode);
        }
    }

    [Fact]
    public async Task A_key_that_has_expired_already_is_not_made()
    {
        var clock = new SetClock(DateTimeOffset.UnixEpoch);
        var keys = new ApiKeyStore(server.App.Services.GetRequiredService<ServerDatabase>(), clock);
        var e = await Assert.ThrowsAsync<SpadeException>(() => keys.CreateAsync("late", Role.Viewer, [], clock.GetUtcNow().AddDays(-1)));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.DoesNotContain(keys.List(), k => k.Name == "late");
    }
}
