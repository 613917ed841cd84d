using System.Net;

namespace SpadeCluster.Server.Tests;

public sealed class MetricsTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task A_viewer_for_all_categories_reads_what_the_server_measured()
    {
        using var client = server.Client(server.Viewer);
        string[] lines = (await client.GetStringAsync("/metrics")).Split('\n');
        // The fixture has scored a defective disc.
        Assert.Contains(lines, l => l.StartsWith("spade_decisions_total{", StringComparison.Ordinal)
            && l.Contains("category=\"discs\"", StringComparison.Ordinal) && l.Contains("verdict=\"defect\"", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("spade_stage_duration_milliseconds_bucket{", StringComparison.Ordinal)
            && l.Contains("stage=\"match\"", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("spade_admitted{", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("http_server_request_duration_seconds_count{", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Other_callers_read_nothing()
    {
        foreach (var (key, status) in new[]
            { ((string?)null, HttpStatusCode.Unauthorized), (server.Revoked, HttpStatusCode.Unauthorized),
                (server.Scoped, HttpStatusCode.Forbidden) })
        {
            using var client = server.Client(key);
            var answer = await client.GetAsync("/metrics");
            Assert.Equal(status, answer.StatusCode);
            Assert.DoesNotContain("spade_decisions", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }
}
