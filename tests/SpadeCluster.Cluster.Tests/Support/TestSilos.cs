using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Hosting;
using Orleans.Metadata;
using Orleans.Runtime;
using Orleans.TestingHost;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Scoring;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>Silos in this process over one shared store; each has its own extractor.</summary>
internal sealed class TestSilos : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;

    private TestSilos(InProcessTestCluster cluster, IGalleryStore store) => (_cluster, Store) = (cluster, store);

    public IGalleryStore Store { get; }

    public IServiceProvider Gateway => Services(0);

    public IGalleryService Galleries => Gateway.GetRequiredService<IGalleryServices>().For("test");

    public IScoringService Scoring => Gateway.GetRequiredService<IScoringService>();

    public static string[] ThreeSilos { get; } = [SiloRole.Gateway, SiloRole.Gallery, $"{SiloRole.Gallery},{SiloRole.Extractor}"];

    /// <param name="roles">One entry per silo: its roles, separated by commas. The first one is the gateway that tests use.
    /// Silos that are started later have the roles of the last one.</param>
    /// <param name="extractor">A silo's extractor, by its number; null: one of the small model.</param>
    public static async Task<TestSilos> StartAsync(IGalleryStore store, string[] roles, Action<IServiceCollection>? configure = null,
        Func<int, FakeExtractor>? extractor = null)
    {
        var builder = new InProcessTestClusterBuilder((short)roles.Length);
        // Otherwise Orleans skips placement filters.
        builder.Options.AssumeHomogenousSilosForTesting = false;
        builder.Options.InitializeClientOnDeploy = false;
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((options, silo) =>
        {
            int index = int.Parse(options.SiloName.Split('_')[1]);
            var engines = new FakeEngines(extractor?.Invoke(index) ?? new FakeExtractor());
            silo.AddSpadeCluster(new SiloProfile(roles[Math.Min(index, roles.Length - 1)].Split(',')));
            silo.Services.AddSingleton(store).AddSingleton<IDeviceEngines>(engines).AddSingleton<IImagePreparers>(engines);
            configure?.Invoke(silo.Services);
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        var silos = new TestSilos(cluster, store);
        await silos.WaitForRolesAsync(roles);
        return silos;
    }

    /// <summary>Waits until a gateway scores with a version that was published without its knowledge.</summary>
    public Task KnowsAsync(string category, int version, int silo = 0) =>
        Services(silo).GetRequiredService<IGrainFactory>().GetGrain<ICoordinatorGrain>(category).AdvanceAsync(version, default);

    public IServiceProvider Services(int silo) => _cluster.Silos[silo].ServiceProvider;

    public InProcessTestCluster Cluster => _cluster;

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    /// <summary>Waits until every silo knows the grain types and roles of every other one, which spread only after silos are active;
    /// until then nothing is placed there. Orleans announces members and grain types, but not the arrival of the metadata, so the
    /// roles are polled.</summary>
    private async Task WaitForRolesAsync(string[] roles)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        foreach (var silo in _cluster.Silos)
        {
            var manifests = silo.ServiceProvider.GetRequiredService<IClusterManifestProvider>();
            await foreach (var manifest in manifests.Updates.WithCancellation(limit.Token))
                if (_cluster.Silos.All(s => manifest.Silos.ContainsKey(s.SiloAddress))) break;
            var directory = silo.ServiceProvider.GetRequiredService<ISiloDirectory>();
            foreach (string role in SiloRole.All)
            {
                int expected = roles.Count(r => r.Split(',').Contains(role));
                while (directory.With(role).Count < expected) await Task.Delay(10, limit.Token);
            }
        }
    }
}
