using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Spade.V1;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>Which events the audit log records, and with which caller.</summary>
public sealed class RecordTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private AuditLog Audit => server.App.Services.GetRequiredService<AuditLog>();

    [Fact]
    public async Task A_change_over_gRPC_is_audited_under_the_keys_name_whatever_the_request_says()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        var retired = await new Spade.V1.Galleries.GalleriesClient(channel).RetireAsync(
            new RetireRequest { Category = "discs", Images = { "good-1.png" }, Reason = "blurred", Author = "somebody else" },
            new Metadata { { "authorization", $"Bearer {server.Engineer}" } });
        Assert.StartsWith("engineer (", retired.CreatedBy, StringComparison.Ordinal);
        var entry = Assert.Single(Audit.Read(), e => e.Action == "retire" && e.Detail.Contains("good-1.png", StringComparison.Ordinal));
        Assert.Equal(retired.CreatedBy, entry.Caller);
        Assert.DoesNotContain(Audit.Read(), e => e.Caller.Contains("somebody else", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Wrong_keys_and_the_block_are_audited_once_a_minute_and_a_valid_key_still_opens()
    {
        using var wrong = server.Client("spade_0123456789ab_wrongwrongwrong");
        var statuses = new List<HttpStatusCode>();
        for (int i = 0; i < 3 * FailedSignIns.PerMinute; i++) statuses.Add((await wrong.GetAsync("/v1/galleries")).StatusCode);
        Assert.Contains(HttpStatusCode.TooManyRequests, statuses);
        using var valid = server.Client(server.Viewer);
        Assert.Equal(HttpStatusCode.OK, (await valid.GetAsync("/v1/galleries")).StatusCode);
        // A new minute may begin between the two.
        Assert.InRange(Audit.Read(1000).Count(e => e.Action == "sign in refused"), 1, 2);
        Assert.InRange(Audit.Read(1000).Count(e => e.Action == "sign in blocked"), 1, 2);
    }

    [Fact]
    public async Task A_key_is_made_listed_with_its_last_use_and_revoked_over_the_API_each_with_its_entry()
    {
        using var engineer = server.Client(server.Engineer);
        var answer = await engineer.PostAsJsonAsync("/v1/keys",
            new { name = "line 7", role = "operator", categories = new[] { "discs" }, days = 30 });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var made = await answer.Content.ReadFromJsonAsync<JsonElement>();
        string id = made.GetProperty("id").GetString()!;
        using (var line = server.Client(made.GetProperty("key").GetString()))
            Assert.Equal(HttpStatusCode.OK, (await line.GetAsync("/v1/galleries/discs")).StatusCode);
        // The note of its use is written behind the answer; a write that waits behind it comes after it.
        await server.App.Services.GetRequiredService<ServerDatabase>().WriteAsync(_ => { });
        var listed = (await engineer.GetFromJsonAsync<JsonElement>("/v1/keys")).EnumerateArray()
            .Single(k => k.GetProperty("id").GetString() == id);
        Assert.NotEqual(JsonValueKind.Null, listed.GetProperty("used").ValueKind);
        Assert.NotEqual(JsonValueKind.Null, listed.GetProperty("expires").ValueKind);
        Assert.Equal(JsonValueKind.Null, listed.GetProperty("key").ValueKind);
        Assert.Contains("line 7", await engineer.GetStringAsync("/keys"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NoContent, (await engineer.DeleteAsync($"/v1/keys/{id}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await engineer.DeleteAsync($"/v1/keys/{id}")).StatusCode);
        Assert.Equal(["key revoke", "key create"], Audit.Read().Where(e => e.Subject == id).Select(e => e.Action));
    }

    [Fact]
    public async Task The_exported_log_is_a_chain_that_shows_every_change()
    {
        await Audit.WriteAsync("ann", "one", "discs");
        await Audit.WriteAsync("ann", "two", "discs", "ü\n");
        using var engineer = server.Client(server.Engineer);
        var entries = (await engineer.GetStringAsync("/v1/audit/export")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => JsonSerializer.Deserialize<AuditEntry>(l, Hosting.ServerJson.Options)!).ToList();
        Assert.Null(AuditChain.Problem(entries, entries[^1].Hash));
        Assert.NotNull(AuditChain.Problem([.. entries.Select((e, i) => i == 1 ? e with { Caller = "bob" } : e)]));
        Assert.NotNull(AuditChain.Problem([.. entries.Where((_, i) => i != 1)]));
        Assert.NotNull(AuditChain.Problem(entries[..^1], entries[^1].Hash));
        // The table itself refuses changes.
        var database = server.App.Services.GetRequiredService<ServerDatabase>();
        await Assert.ThrowsAnyAsync<SpadeException>(() => database.WriteAsync(c => c.Execute("UPDATE audit SET caller = 'bob'")));
        await Assert.ThrowsAnyAsync<SpadeException>(() => database.WriteAsync(c => c.Execute("DELETE FROM audit")));
    }

    [Fact]
    public async Task A_cookie_that_was_copied_opens_nothing_after_signing_out()
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress =
            new Uri(server.Address)
        };
        var (cookie, token) = await SignedInAsync();
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(HttpMethod.Get, "/", null)).StatusCode);
        var left = await SendAsync(HttpMethod.Post, "/sign-out", new FormUrlEncodedContent([new("__RequestVerificationToken", token)]));
        Assert.Equal(HttpStatusCode.Redirect, left.StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await SendAsync(HttpMethod.Get, "/", null)).StatusCode);
        using var api = await SendAsync(HttpMethod.Get, "/v1/results", null);
        Assert.Equal(HttpStatusCode.Unauthorized, api.StatusCode);
        Assert.Contains(Audit.Read(), e => e.Action == "sign out");

        Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content)
        {
            var request = new HttpRequestMessage(method, path) { Content = content };
            request.Headers.Add("Cookie", cookie);
            return browser.SendAsync(request);
        }

        async Task<(string Cookie, string Token)> SignedInAsync()
        {
            var page = await browser.GetAsync("/sign-in");
            string forms = CookieOf(page);
            var form = new FormUrlEncodedContent([new("__RequestVerificationToken",
                SessionTests.TokenIn(await page.Content.ReadAsStringAsync())),
                new("key", server.Viewer), new("to", "/")]);
            var request = new HttpRequestMessage(HttpMethod.Post, "/sign-in") { Content = form };
            request.Headers.Add("Cookie", forms);
            string all = $"{forms}; {CookieOf(await browser.SendAsync(request))}";
            var home = new HttpRequestMessage(HttpMethod.Get, "/");
            home.Headers.Add("Cookie", all);
            return (all, SessionTests.TokenIn(await (await browser.SendAsync(home)).Content.ReadAsStringAsync()));
        }

        static string CookieOf(HttpResponseMessage answer) =>
            string.Join("; ", answer.Headers.GetValues("Set-Cookie").Select(c => c.Split(';')[0]));
    }
}
