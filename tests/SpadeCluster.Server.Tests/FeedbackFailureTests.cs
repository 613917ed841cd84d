using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

/// <summary>Checks of operators' feedback while the database refuses to be written.</summary>
public sealed class FeedbackFailureTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    private ServerDatabase Database => server.App.Service<ServerDatabase>();

    [Fact]
    public async Task Feedback_without_an_audit_entry_is_checked_and_stops_no_later_check()
    {
        using var client = server.Client(server.Operator);
        long[] decisions = [await ScoreAsync(client, 1), await ScoreAsync(client, 2)];
        await BreakAsync("INSERT ON audit", "SELECT RAISE(ABORT, 'not now')");
        Assert.False((await GiveAsync(client, decisions[0])).IsSuccessStatusCode);
        await server.App.Service<FeedbackService>().Checks;
        await RepairAsync();
        Assert.Equal(HttpStatusCode.OK, (await GiveAsync(client, decisions[1])).StatusCode);
        await server.App.Service<FeedbackService>().Checks;
        Assert.Equal([FeedbackStatus.Waiting, FeedbackStatus.Waiting], decisions.Select(Status));
    }

    [Fact]
    public async Task The_outcome_of_a_check_is_written_when_the_database_can_be_written_again()
    {
        using var client = server.Client(server.Operator);
        long decision = await ScoreAsync(client, 3);
        var clock = new SetClock(DateTimeOffset.UtcNow);
        var service = ActivatorUtilities.CreateInstance<FeedbackService>(server.App.Services, clock);
        await BreakAsync("UPDATE ON feedback", "SELECT * FROM lost");
        var caller = Caller.Principal(new ApiKey("1", "ann", Role.Operator, [], default, null, null), "test");
        await service.GiveAsync(server.App.Service<DecisionLog>().Get(decision), FeedbackKind.Good, "", caller, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var wait = await clock.Waits.ReadAsync(limit.Token);
        Assert.Equal(FeedbackStatus.Checking, Status(decision));
        await RepairAsync();
        clock.Advance(wait);
        await service.Checks.WaitAsync(limit.Token);
        Assert.Equal(FeedbackStatus.Waiting, Status(decision));
    }

    private Task BreakAsync(string change, string failure)
        => Database.WriteAsync(c => c.Execute($"CREATE TRIGGER broken BEFORE {change} BEGIN {failure}; END"));

    private Task RepairAsync() => Database.WriteAsync(c => c.Execute("DROP TRIGGER broken"));

    private FeedbackStatus Status(long decision) => server.App.Service<FeedbackLog>().Of(decision).Single().Status;

    private static async Task<long> ScoreAsync(HttpClient client, int seed)
        => (await ApiTests.Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Noise(seed)))))
            .GetProperty("id").GetInt64();

    private static Task<HttpResponseMessage> GiveAsync(HttpClient client, long decision)
        => client.PostAsJsonAsync($"/v1/results/{decision}/feedback", new { kind = "good" });
}
