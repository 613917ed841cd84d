using System.IO.Pipelines;
using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests;

public sealed class LiveTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Decisions_missed_while_the_connection_was_lost_are_sent_first()
    {
        using var client = server.Client(server.Operator);
        var ids = new List<long>();
        foreach (string line in new[] { "gap", "gap", "elsewhere", "gap" })
            ids.Add((await ApiTests.Json(await client.PostAsync($"/v1/score?category=discs&line={line}",
                ServerFixture.Image(Part.Good(ids.Count))))).GetProperty("id").GetInt64());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/results/live?line=gap");
        request.Headers.Add("Last-Event-ID", $"{ids[0]}");
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var events = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal([ids[1], ids[3]], [await NextAsync(), await NextAsync()]);
        // Then new decisions.
        long next = (await ApiTests.Json(await client.PostAsync("/v1/score?category=discs&line=gap", ServerFixture.Image(Part.Good(9)))))
            .GetProperty("id").GetInt64();
        Assert.Equal(next, await NextAsync());

        async Task<long> NextAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (await events.ReadLineAsync(limit.Token) != "event: decision") { }
            return long.Parse((await events.ReadLineAsync(limit.Token))!["id: ".Length..],
                System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task A_heartbeat_every_15_seconds_keeps_the_connection()
    {
        var clock = new SetClock(DateTimeOffset.UnixEpoch);
        var pipe = new Pipe();
        using var gone = new CancellationTokenSource();
        var context = new DefaultHttpContext { User = new ClaimsPrincipal(), RequestAborted = gone.Token };
        context.Response.Body = pipe.Writer.AsStream();
        var services = server.App.Services;
        var sending = LiveDecisions.SendAsync(context, services.GetRequiredService<DecisionFeed>(),
            services.GetRequiredService<DecisionLog>(), services.GetRequiredService<NoticeFeed>(),
            services.GetRequiredService<NoticeService>(), services.GetRequiredService<ApiKeyStore>(), clock, server.App.Lifetime,
            line: "silent");
        using var events = new StreamReader(pipe.Reader.AsStream());
        while (await events.ReadLineAsync() is { Length: > 0 }) { }
        for (int i = 0; i < 3; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(15));
            // Notices may come between.
            string? next;
            while ((next = await events.ReadLineAsync()) != ": still here")
                Assert.DoesNotContain("decision", next, StringComparison.Ordinal);
            Assert.Equal("", await events.ReadLineAsync());
        }
        await gone.CancelAsync();
        await sending;
        Assert.DoesNotContain(": still", await RestAsync(), StringComparison.Ordinal);

        async Task<string> RestAsync()
        {
            await pipe.Writer.CompleteAsync();
            return await events.ReadToEndAsync();
        }
    }
}
