using System.Collections.Concurrent;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>A writer: adds normals to a category one by one, each when the one before is in a version, and keeps what was
/// confirmed.</summary>
internal sealed class Additions(HostCluster hosts, string category, string author, params byte[] gateways)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);
    private static int _seed = 50_000;

    private readonly ConcurrentBag<ImageId> _confirmed = [];

    /// <summary>Additions that are in a version.</summary>
    public Events Done { get; } = new();

    public int Confirmed => _confirmed.Count;

    /// <summary>Additions that were refused because the disk is full.</summary>
    public int Refused { get; private set; }

    public async Task RunAsync(CancellationToken enough)
    {
        using var client = hosts.Client(gateways);
        using var ticks = new PeriodicTimer(Pause);
        while (!enough.IsCancellationRequested)
        {
            var normal = Support.Photos.Source("normal.ppm", Support.Photos.Ppm(Interlocked.Increment(ref _seed), defect: false));
            try
            {
                // An image is reported when its features are stored; it is in a version, and so confirmed, when the call returns.
                var reported = new List<ImageId>();
                await client.AddNormalsAsync(category, [normal], author, new Each(reported.Add), cancellationToken: CancellationToken.None);
                reported.ForEach(_confirmed.Add);
                Done.Add();
            }
            catch (SpadeException e) when (e.Error == SpadeError.ResourceExhausted)
            {
                Refused++;
            }
            await ticks.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <summary>Checks the category's history: versions have no gaps, and each has all images of the one before. So no writer overwrote
    /// another's version.</summary>
    /// <returns>Confirmed images that are not in the newest version.</returns>
    public async Task<int> LostAsync()
    {
        var versions = await hosts.Store.ListVersionsAsync(category);
        Assert.Equal(Enumerable.Range(1, versions.Count), versions);
        HashSet<ImageId> stored = [];
        foreach (int version in versions)
        {
            var images = (await hosts.Store.ReadVersionAsync(category, version)).Images.Select(i => i.Id).ToHashSet();
            Assert.True(stored.IsSubsetOf(images), $"version {version} of {category} lacks images of the version before");
            stored = images;
        }
        Assert.Empty(await new GalleryService(hosts.Store, hosts.Engines, author).VerifyAsync(category));
        return _confirmed.Count(id => !stored.Contains(id));
    }

    /// <summary>Reports on the caller's thread, so that all are there when the call returns.</summary>
    private sealed class Each(Action<ImageId> confirmed) : IProgress<AddOutcome>
    {
        public void Report(AddOutcome value)
        {
            if (value.Id is { } id) confirmed(id);
        }
    }
}
