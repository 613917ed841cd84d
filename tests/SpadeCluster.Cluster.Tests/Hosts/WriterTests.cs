using SpadeCluster.Cli.Silo;
using SpadeCluster.Storage.Postgres;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>Writers of one category on hosts that do not reach each other, or are lost.</summary>
[Collection(HostsCollection.Name)]
[Trait("Category", "Long")]
public sealed class WriterTests(HostCluster hosts, ITestOutputHelper output)
{
    private const int Rounds = 3;
    private static readonly TimeSpan CutTime = TimeSpan.FromSeconds(30);
    private static readonly byte[] Left = [HostCluster.Gateway1, HostCluster.Extractor, HostCluster.Gallery1];
    private static readonly byte[] Right = [HostCluster.Gateway2, HostCluster.Gallery2];

    /// <summary>The cluster is cut in two halves, each with a gateway, an extractor and a gallery host. Both reach PostgreSQL, and a writer
    /// of each changes the same category.</summary>
    [HostsFact]
    public async Task Two_writers_on_both_sides_of_a_cut_never_both_publish()
    {
        string category = "split-" + Guid.NewGuid().ToString("N")[..6];
        var left = new Additions(hosts, category, "left", HostCluster.Gateway1);
        var right = new Additions(hosts, category, "right", HostCluster.Gateway2);
        using var enough = new CancellationTokenSource();
        var leftWriting = left.RunAsync(enough.Token);
        var rightWriting = right.RunAsync(enough.Token);
        var counts = new List<string>();
        double whole = 0;
        try
        {
            for (int round = 0; round < Rounds; round++)
            {
                await Task.WhenAll(left.Done.NextAsync(2, leftWriting), right.Done.NextAsync(2, rightWriting));
                (int l, int r) = (left.Done.Count, right.Done.Count);
                hosts.Network.Link = (from, to) =>
                    (Left.Contains(from) && Right.Contains(to)) || (Right.Contains(from) && Left.Contains(to))
                    ? Link.Cut : Link.Good;
                await Task.Delay(CutTime);
                hosts.Network.Heal();
                double healed = Events.Now;
                counts.Add($"{left.Done.Count - l} and {right.Done.Count - r}");
                await hosts.WholeAsync();
                whole = Math.Max(whole, Events.Now - healed);
            }
            await Task.WhenAll(left.Done.NextAsync(2, leftWriting), right.Done.NextAsync(2, rightWriting));
        }
        finally
        {
            hosts.Network.Heal();
            await enough.CancelAsync();
        }
        await leftWriting;
        await rightWriting;
        Assert.Equal((0, 0), (await left.LostAsync(), await right.LostAsync()));
        output.WriteLine($"versions published by the two sides in {Rounds} cuts of {CutTime.TotalSeconds:0} s: "
            + $"{string.Join(", ", counts)}; "
            + $"{left.Confirmed} and {right.Confirmed} normals confirmed, 0 lost; whole after at most {whole:0.0} s");
    }

    /// <summary>PostgreSQL by default keeps a session, with its locks, for two hours after its host was lost.</summary>
    [HostsFact]
    public async Task The_lock_of_a_lost_writer_ends_within_seconds()
    {
        string category = "locked-" + Guid.NewGuid().ToString("N")[..6];
        // This process is the writer that is lost: PostgreSQL no longer reaches it.
        using var store = new PostgresGalleryStore(DatabaseSettings.Complete(hosts.Postgres.ConnectionString));
        var held = await store.LockAsync(category);
        hosts.Network.Link = (from, to) => (from, to) is (1, HostCluster.Database) or (HostCluster.Database, 1) ? Link.Cut : Link.Good;
        double lost = Events.Now;
        try
        {
            var other = new Additions(hosts, category, "other", HostCluster.Gateway1);
            using var enough = new CancellationTokenSource();
            var writing = other.RunAsync(enough.Token);
            double seconds = await other.Done.NextAsync(1, writing) - lost;
            await enough.CancelAsync();
            await writing;
            output.WriteLine($"another writer changed the category {seconds:0.0} s after the writer that held its lock was lost");
            Assert.True(seconds < 60, $"it took {seconds:0} s");
        }
        finally
        {
            hosts.Network.Heal();
            held.Dispose();
        }
    }
}
