using System.Globalization;
using System.Text.Json;
using SpadeCluster.Server.Deliveries;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>'spade outbox' beside a running server's database.</summary>
public sealed class OutboxCommandTests
{
    [Fact]
    public async Task Dead_letters_are_listed_with_their_problem_and_wait_again_on_request()
    {
        await using var fixture = new OutboxFixture(new Destination("mes", "https://mes"));
        long dead = await fixture.LogAsync("L1"), waiting = await fixture.LogAsync("L1");
        await fixture.Outbox.BuryAsync(fixture.Outbox.Next("mes", "L1")!, "the receiver answered [422]");

        var (exit, output, error) = await RunAsync("list");
        Assert.True(exit == 0, error);
        Assert.Contains("the receiver answered [422]", output, StringComparison.Ordinal);
        Assert.Contains("mes: 1 waiting, 1 dead", output, StringComparison.Ordinal);
        (_, output, _) = await RunAsync("list", "--dead", "--json");
        Assert.Equal(dead, JsonSerializer.Deserialize<JsonElement>(output).GetProperty("decision").GetInt64());

        Assert.Equal(4, (await RunAsync("retry", waiting.ToString(CultureInfo.InvariantCulture))).Exit);
        Assert.Equal(0, (await RunAsync("retry", "--destination", "mes")).Exit);
        Assert.Equal([dead, waiting], fixture.Decisions("mes"));
        Assert.Contains("mes: 2 waiting, 0 dead", (await RunAsync("list", "--dead")).Output, StringComparison.Ordinal);

        Task<(int Exit, string Output, string Error)> RunAsync(params string[] command) =>
            ServerProcess.RunAsync(fixture.Folder, ["outbox", .. command, "--data", fixture.Folder]);
    }
}
