using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>Faults of a host itself: its clock, its disk.</summary>
[Collection(HostsCollection.Name)]
[Trait("Category", "Long")]
public sealed class HostFaultTests(HostCluster hosts, ITestOutputHelper output)
{
    private static readonly TimeSpan ClockTime = TimeSpan.FromSeconds(30), FullTime = TimeSpan.FromSeconds(20);

    [HostsFact(fakeTime: true)]
    public Task A_gateways_clock_is_two_minutes_ahead_and_a_gallery_hosts_two_behind() => SurvivesAsync(
        "clocks of a gateway and a gallery host 2 minutes ahead and behind, both restarted, 30 s", ClockTime, () =>
        {
            hosts.Silos[HostCluster.Gateway1].StartAgain(Clock("+120s"));
            hosts.Silos[HostCluster.Gallery1].StartAgain(Clock("-120s"));
        }, () =>
        {
            hosts.Silos[HostCluster.Gateway1].StartAgain([]);
            hosts.Silos[HostCluster.Gallery1].StartAgain([]);
        });

    [HostsFact]
    public Task The_disk_of_the_gateway_in_use_is_full() => FullAsync("disk of the gateway in use", hosts.DataOfGateway1);

    [HostsFact]
    public Task The_disk_of_PostgreSQL_is_full() => FullAsync("disk of PostgreSQL", hosts.Postgres.Folder);

    private static Dictionary<string, string> Clock(string shift) => new()
    {
        ["LD_PRELOAD"] = HostsFactAttribute.FakeTime!,
        ["FAKETIME"] = shift,
        // Only the time of day; waits are measured by the monotonic clock.
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
    };

    private Task FullAsync(string what, string folder)
    {
        string file = Path.Combine(folder, "filled");
        return SurvivesAsync($"{what} full, {FullTime.TotalSeconds:0} s", FullTime, () => Fill(file), () =>
        {
            File.Delete(file);
            // As an orchestrator does if it has ended.
            hosts.Postgres.Start();
        });
    }

    private static void Fill(string file)
    {
        var block = new byte[4096];
        using var filling = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, 0);
        try
        {
            while (true) filling.Write(block);
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private async Task SurvivesAsync(string fault, TimeSpan duration, Action begin, Action end)
    {
        var result = await new FaultRun(hosts).RunAsync(fault, duration, begin, end);
        output.WriteLine($"{result}");
        FaultTable.Add(result);
        Assert.Equal((0, 0, 0), (result.Wrong, result.Lost, result.AddedLost));
    }
}
