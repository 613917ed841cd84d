using System.Diagnostics.Metrics;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Spade.V1;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Server.Admission;
using SpadeCluster.Scoring;
using Xunit.Abstractions;
using GatePolicy = SpadeCluster.Scoring.GatePolicy;
using ScoringOptions = SpadeCluster.Scoring.ScoringOptions;

namespace SpadeCluster.Cluster.Tests.Grpc;

/// <summary>
/// Clients that disconnect in the middle of calls, many times, leave nothing behind in the cluster. Leases and memory are those of the
/// process, so no other test runs beside it: the metrics of a server alone take some 10 MB.
/// </summary>
[Collection(Alone.Name)]
public sealed class LeakTests(ITestOutputHelper output)
{
    private const int Rounds = 20;

    [Fact]
    public async Task Disconnecting_clients_leave_no_activation_lease_place_or_memory()
    {
        await using var silos = await TestSilos.StartAsync(new InMemoryGalleryStore(), TestSilos.ThreeSilos, s =>
            s.Configure<ExtractorOptions>(o => o.LeaseTime = TimeSpan.FromSeconds(1)));
        await silos.Galleries.AddAsync("plate", Photos.Normals(8));
        // By gate: pyramids wait under leases. If the client disconnected before the answer arrived, its lease expires.
        await silos.Galleries.CalibrateAsync("plate", new ScoringOptions { GatePolicy = GatePolicy.Gate, Alpha = 0.2 });
        await using var gateway = await TestGateway.StartAsync(silos.Scoring, silos.Gateway.GetRequiredService<IGalleryServices>(),
            silos.Gateway.GetRequiredService<IVersionWatch>(),
            o => o.MaxRequests = 8, o => o.StreamConcurrency = 4);
        var admission = gateway.Services.GetRequiredService<AdmissionControl>();
        var management = silos.Gateway.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0);
        for (int i = 0; i < 5; i++) await DisconnectAsync(gateway, i);
        await SettledAsync(admission);
        var (activations, memory) = (await ActivationsAsync(management), GC.GetTotalMemory(forceFullCollection: true));

        for (int i = 0; i < Rounds; i++) await DisconnectAsync(gateway, i);
        await SettledAsync(admission);
        // The turn is free: no broken addition is still running, and the gallery is unchanged.
        Assert.Equal(2, (await silos.Gateway.GetRequiredService<IVersionWatch>().WaitAsync("plate", null)));
        var gallery = await gateway.Client.AddNormalsAsync("plate", Photos.Normals(9).Skip(8).ToList(), "tester");
        Assert.Equal((3, 9), (gallery!.Version, gallery.ImageCount));

        Assert.Equal((0, 0L), (admission.Requests, admission.Bytes));
        Assert.Equal(0, Leases());
        var after = await ActivationsAsync(management);
        Assert.Equal(activations, after);
        long grown = GC.GetTotalMemory(forceFullCollection: true) - memory;
        output.WriteLine($"{3 * Rounds} disconnections: activations {string.Join(", ", after)}; leases 0, places 0; memory "
            + $"{grown / 1e6:+0.0;-0.0} MB");
        Assert.True(grown < 16e6, $"{grown / 1e6:0.0} MB more after {3 * Rounds} disconnections");
    }

    /// <summary>Three clients disconnect: one from a stream of scores, one from an addition, one from a watch.</summary>
    private static async Task DisconnectAsync(TestGateway gateway, int round)
    {
        using (var call = new Spade.V1.Scoring.ScoringClient(gateway.Channel).ScoreStream())
        {
            for (int i = 0; i < 6; i++)
                await call.RequestStream.WriteAsync(new ScoreStreamRequest
                {
                    RequestId = (ulong)i + 1,
                    Category = "plate",
                    Image = Image(10_000 + 10 * round + i, i % 2 == 1)
                });
            // At a different time in each round.
            for (int i = 0; i < round % 3; i++) Assert.True(await call.ResponseStream.MoveNext(default));
        }
        using (var call = new Spade.V1.Galleries.GalleriesClient(gateway.Channel).AddNormals())
        {
            for (int i = 0; i < 3; i++)
            {
                var image = Image(500_000 + 10 * round + i, false);
                await call.RequestStream.WriteAsync(new AddNormalsRequest
                {
                    Category = "plate",
                    Author = "ghost",
                    Image = image,
                    Calibrate = false
                });
            }
            if (round % 2 == 1) Assert.True(await call.ResponseStream.MoveNext(default));
        }
        using (var call = new Spade.V1.Galleries.GalleriesClient(gateway.Channel)
            .WatchVersion(new WatchVersionRequest { Category = "plate" }))
            Assert.True(await call.ResponseStream.MoveNext(default));
    }

    private static Image Image(int seed, bool defect) =>
        new() { Format = PixelFormat.Encoded, Name = $"{seed}.ppm", Data = ByteString.CopyFrom(Photos.Ppm(seed, defect)) };

    /// <summary>Waits until no image is admitted and no lease is held.</summary>
    private static async Task SettledAsync(AdmissionControl admission)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (admission.Requests > 0 || Leases() > 0)
        {
            Assert.False(limit.IsCancellationRequested, $"{admission.Requests} requests and {Leases()} leases should have been given back");
            await Task.Yield();
        }
    }

    /// <summary>Activations per type, but those of Orleans itself.</summary>
    private static async Task<string[]> ActivationsAsync(IManagementGrain management)
        => [.. (await management.GetDetailedGrainStatistics()).Where(s => s.GrainType.Contains("SpadeCluster", StringComparison.Ordinal))
            .DistinctBy(s => (s.GrainId, s.SiloAddress))
            .GroupBy(s => s.GrainType.Split(',')[0].Split('.')[^1]).Select(g => $"{g.Key} {g.Count()}").Order()];

    private static long Leases()
    {
        long leases = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (i, l) =>
            { if (i.Name == "spade.lease.count") l.EnableMeasurementEvents(i); }
        };
        listener.SetMeasurementEventCallback<int>((_, n, _, _) => leases += n);
        listener.SetMeasurementEventCallback<long>((_, n, _, _) => leases += n);
        listener.Start();
        listener.RecordObservableInstruments();
        return leases;
    }
}
