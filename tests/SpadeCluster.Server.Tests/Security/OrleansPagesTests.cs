using System.Net;
using System.Text.Json;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>A server with every optional page.</summary>
public sealed class PagesFixture : ServerFixture
{
    protected override bool WithPages => true;
}

public sealed class OrleansPagesTests(PagesFixture server) : IClassFixture<PagesFixture>
{
    [Fact]
    public async Task An_engineer_sees_the_silos_and_an_operator_does_not()
    {
        string[] paths = ["/orleans/", "/orleans/DashboardCounters", "/orleans/index.min.js"];
        foreach (string path in paths)
        {
            foreach (string key in new[] { server.Viewer, server.Operator, server.Scoped })
            {
                using var other = server.Client(key);
                Assert.Equal(HttpStatusCode.Forbidden, (await other.GetAsync(path)).StatusCode);
            }
            using var engineer = server.Client(server.Engineer);
            Assert.Equal(HttpStatusCode.OK, (await engineer.GetAsync(path)).StatusCode);
        }
        using var client = server.Client(server.Engineer);
        var counters = JsonDocument.Parse(await client.GetStringAsync("/orleans/DashboardCounters")).RootElement;
        // The silo is in it as soon as it has reported, some seconds after its start.
        Assert.Equal(JsonValueKind.Array, counters.GetProperty("hosts").ValueKind);
        // The live log is closed to everybody.
        Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync("/orleans/Trace")).StatusCode);
    }

    [Fact]
    public async Task The_description_of_the_API_does_not_have_them()
    {
        using var client = server.Client(server.Engineer);
        Assert.DoesNotContain("/orleans", await client.GetStringAsync("/v1/openapi.json"), StringComparison.Ordinal);
    }
}

/// <summary>Without the option there is nothing.</summary>
public sealed class NoOrleansPagesTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task They_are_off_unless_asked_for()
    {
        using var client = server.Client(server.Engineer);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/orleans/")).StatusCode);
    }
}
