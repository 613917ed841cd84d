using SpadeCluster.Client;
using SpadeCluster.Galleries;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>Faults of the network between hosts, under a stream of photographs and additions: no wrong, no lost answer, and the cluster
/// is whole again after each.</summary>
[Collection(HostsCollection.Name)]
public sealed class FaultTests(HostCluster hosts, ITestOutputHelper output)
{
    private const byte Gallery1 = HostCluster.Gallery1, Gateway1 = HostCluster.Gateway1;

    [HostsFact]
    public Task Loss_of_5_percent() => SurvivesAsync("5 % of packets lost, 5 s", 5, (_, _) => new Link(0.05));

    [HostsFact]
    public Task A_gallery_host_is_cut_off_for_5_s() => CutAsync("gallery host", Gallery1, 5);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task Delay_of_100_ms_with_reordering() => SurvivesAsync("delay 100 ms +- 20 with reordering, 30 s", 30,
        (_, _) => new Link(0, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(20)));

    [HostsFact]
    [Trait("Category", "Long")]
    public Task Loss_of_5_percent_for_a_minute() => SurvivesAsync("5 % of packets lost, 60 s", 60, (_, _) => new Link(0.05));

    [HostsFact]
    [Trait("Category", "Long")]
    public Task A_gallery_host_is_cut_off_for_30_s() => CutAsync("gallery host", Gallery1, 30);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task A_gallery_host_is_cut_off_for_120_s() => CutAsync("gallery host", Gallery1, 120);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task The_gateway_in_use_is_cut_off_for_30_s() => CutAsync("gateway in use", Gateway1, 30);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task A_gallery_host_receives_nothing_for_30_s() => SurvivesAsync("gallery host receives nothing, 30 s", 30,
        (_, to) => to == Gallery1 ? Link.Cut : Link.Good);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task A_gallery_host_cannot_send_for_30_s() => SurvivesAsync("gallery host cannot send, 30 s", 30,
        (from, _) => from == Gallery1 ? Link.Cut : Link.Good);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task A_gateway_cannot_send_to_a_gallery_host_for_30_s() => SurvivesAsync("gateway cannot send to a gallery host, 30 s", 30,
        (from, to) => from == Gateway1 && to == Gallery1 ? Link.Cut : Link.Good);

    [HostsFact]
    [Trait("Category", "Long")]
    public Task PostgreSQL_is_unreachable_for_a_minute() => CutAsync("PostgreSQL", HostCluster.Database, 60);

    /// <summary>Proves that the tests above find what a client without retries loses.</summary>
    [HostsFact]
    [Trait("Category", "Long")]
    public async Task The_same_stream_without_retries_loses_photographs()
    {
        var options = new SpadeClientOptions
        {
            Addresses = { HostCluster.GatewayAddress(Gateway1) },
            Headers = { ["authorization"] = hosts.Authorization },
            Deadline = TimeSpan.FromSeconds(5),
            // The deadline passes before the first retry.
            FirstWait = TimeSpan.FromHours(1),
        };
        using var client = new SpadeClient(options);
        var result = await new FaultRun(hosts) { Score = photos => OnceAsync(client, photos) }.RunAsync("without retries",
            TimeSpan.FromSeconds(30), () => hosts.Network.Link = Around(Gateway1), hosts.Network.Heal);
        output.WriteLine($"{result}");
        Assert.True(result.Lost > 0, "photographs should be lost");
    }

    private Task CutAsync(string what, byte host, int seconds) => SurvivesAsync($"{what} cut off, {seconds} s", seconds,
        Around(host));

    private static Func<byte, byte, Link> Around(byte host) => (from, to) => from == host || to == host ? Link.Cut : Link.Good;

    private async Task SurvivesAsync(string fault, int seconds, Func<byte, byte, Link> link)
    {
        var result = await new FaultRun(hosts).RunAsync(fault, TimeSpan.FromSeconds(seconds), () => hosts.Network.Link = link,
            hosts.Network.Heal);
        output.WriteLine($"{result}");
        FaultTable.Add(result);
        Assert.Equal((0, 0, 0), (result.Wrong, result.Lost, result.AddedLost));
    }

    /// <summary>Each photograph is sent once.</summary>
    private static async IAsyncEnumerable<RemoteScore> OnceAsync(SpadeClient client, IAsyncEnumerable<ImageSource> photos)
    {
        int index = 0;
        await foreach (var photo in photos)
        {
            RemoteScore score;
            try
            {
                score = new RemoteScore(index, photo.Name, await client.ScoreAsync(HostCluster.Category, photo), null);
            }
            catch (SpadeException e)
            {
                score = new RemoteScore(index, photo.Name, null, e);
            }
            index++;
            yield return score;
        }
    }
}
