using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Spade.V1;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using GatePolicy = SpadeCluster.Scoring.GatePolicy;
using ScoringOptions = SpadeCluster.Scoring.ScoringOptions;

namespace SpadeCluster.Cluster.Tests.Scoring;

[Collection("silos")]
public sealed class ClusterTests
{
    [Theory]
    [InlineData("extractor", "gateway,gallery")]
    [InlineData("gallery", "gateway,extractor")]
    public async Task A_missing_role_is_unavailable_and_named(string missing, string roles)
    {
        var (store, _) = await CalibratedAsync(GatePolicy.Always);
        await using var silos = await TestSilos.StartAsync(store, [roles]);
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await silos.Scoring.ScoreAsync("plate", Photos.Mixed(1)[0]));
        Assert.Equal(SpadeError.Unavailable, e.Error);
        Assert.Contains(missing, e.Message);

        await using var gateway = await TestGateway.StartAsync(silos.Scoring, silos.Gateway.GetRequiredService<IGalleryServices>(),
            silos.Gateway.GetRequiredService<IVersionWatch>());
        var image = new Image { Format = PixelFormat.Encoded, Name = "a", Data = ByteString.CopyFrom(Photos.Ppm(1, false)) };
        var rpc = await Assert.ThrowsAsync<RpcException>(() =>
            new Spade.V1.Scoring.ScoringClient(gateway.Channel)
            .ScoreAsync(new ScoreRequest { Category = "plate", Image = image }).ResponseAsync);
        Assert.Equal((StatusCode.Unavailable, e.Message), (rpc.StatusCode, rpc.Status.Detail));
    }

    [Fact]
    public async Task A_lost_lease_is_extracted_again_and_errors_cross_silos_whole()
    {
        var (store, engines) = await CalibratedAsync(GatePolicy.Gate);
        // Every lease has expired: each flagged image is extracted twice.
        await using var silos = await TestSilos.StartAsync(store, TestSilos.ThreeSilos, s =>
            s.Configure<ExtractorOptions>(o => o.LeaseBytes = 1));
        var standalone = new ScoringService(store, engines);
        int localised = 0;
        foreach (var photo in Photos.Mixed(6))
        {
            var actual = await silos.Scoring.ScoreAsync("plate", photo);
            SameBits.Assert(await standalone.ScoreAsync("plate", photo), actual);
            if (actual.Result.Map is not null) localised++;
        }
        Assert.True(localised > 0, "some image should be flagged");

        // The extractor silo has no such model: its message arrives here.
        await store.PublishAsync((await store.ReadCurrentAsync("plate"))! with
        {
            Version = 3,
            Model = FakeExtractor.SmallModel with { Digest = new string('0', 64) }
        });
        await silos.KnowsAsync("plate", 3);
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await silos.Scoring.ScoreAsync("plate", Photos.Mixed(1)[0]));
        Assert.Equal((SpadeError.FailedPrecondition, "model 'fake' is not here"), (e.Error, e.Message));
    }

    [Fact]
    public async Task A_gateway_that_lost_its_device_goes_to_another_one()
    {
        var (store, engines) = await CalibratedAsync(GatePolicy.Always);
        FakeExtractor own = new(), other = new();
        await using var silos = await TestSilos.StartAsync(store, ["gateway,extractor,gallery", "extractor"], extractor: i =>
            i == 0 ? own : other);
        var standalone = new ScoringService(store, engines);
        var photos = Photos.Mixed(4);
        for (int i = 0; i < photos.Count; i++)
        {
            if (i == 2) own.Gate = () => throw new SpadeException(SpadeError.Unavailable, "the device is lost");
            SameBits.Assert(await standalone.ScoreAsync("plate", photos[i]), await silos.Scoring.ScoreAsync("plate", photos[i]));
        }
        Assert.Equal((2, 2), (own.Images, other.Images));
        other.Gate = own.Gate;
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await silos.Scoring.ScoreAsync("plate", photos[0]));
        Assert.Equal((SpadeError.Unavailable, "the device is lost"), (e.Error, e.Message));
    }

    [Fact]
    public async Task Unflagged_images_send_no_pyramid_and_flagged_ones_only_to_shards_with_neighbours()
    {
        var (store, _) = await CalibratedAsync(GatePolicy.Gate, galleryNeighbours: 3, shards: 8);
        await using var silos = await TestSilos.StartAsync(store, TestSilos.ThreeSilos);
        using var counted = new SentBytes();
        long pyramid = FakeExtractor.SmallModel.Levels.Sum(s => 2L * s.Length);
        bool both = false, flagged = false;
        foreach (var photo in Photos.Mixed(8))
        {
            counted.Take();
            var scored = await silos.Scoring.ScoreAsync("plate", photo);
            var sent = counted.Take();
            int holders = scored.Result.Neighbours.Select(n => ShardMap.ShardOf(n.Id, 8)).Distinct().Count();
            if (scored.Result.Flagged == true)
            {
                flagged = true;
                Assert.Equal((1 + holders, (1 + holders) * pyramid), sent["pyramid"]);
                Assert.Equal(holders, sent["matches"].Calls);
            }
            else
            {
                both = true;
                Assert.DoesNotContain("pyramid", sent.Keys);
                // Beside the image: the pooled feature from the extractor and to every shard, and their nearest images.
                Assert.Equal((1 + 8, (1 + 8) * 4L * FakeExtractor.SmallModel.PooledLength), sent["pooled"]);
                Assert.True(sent["neighbours"].Bytes <= 8 * 12 * 3);
                Assert.Equal(["image", "neighbours", "pooled"], sent.Keys.Order());
            }
        }
        Assert.True(both && flagged, "the photographs should cover both");
    }

    [Theory]
    [InlineData("gateway,extractor,gallery", "gateway,extractor,gallery", "gateway,extractor,gallery")]
    [InlineData("gateway,extractor", "gateway,extractor", "gallery", "gallery")]
    public async Task Gateways_with_extractors_send_under_50_KB_of_an_unflagged_image(params string[] roles)
    {
        int shards = 4;
        var model = FakeExtractor.LargeModel;
        var (store, _) = await CalibratedAsync(GatePolicy.Gate, galleryNeighbours: 50, shards, normals: 60, model);
        await using var silos = await TestSilos.StartAsync(store, roles, extractor: _ => new FakeExtractor(model));
        var galleries = silos.Gateway.GetRequiredService<ISiloDirectory>().With(SiloRole.Gallery);
        var gateway = silos.Gateway.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        var remote = Enumerable.Range(0, shards).Where(s => !ShardPlacement.Rank("plate", s, galleries)[0].Address.Equals(gateway))
            .ToHashSet();
        Assert.NotEmpty(remote);
        long pyramid = model.Levels.Sum(s => 2L * s.Length);
        using var counted = new SentBytes();
        var kept = new List<bool>();
        foreach (var photo in Photos.Mixed(8))
        {
            counted.Take();
            var scored = await silos.Scoring.ScoreAsync("plate", photo);
            var sent = counted.Take();
            kept.Add(scored.Result.Flagged == false);
            // The image and its features stay on their silo.
            Assert.Equal(scored.Result.Flagged == true ? ["matches", "neighbours", "pooled", "pyramid"] : ["neighbours", "pooled"],
                sent.Keys.Order());
            Assert.Equal((remote.Count, remote.Count * 4L * model.PooledLength), sent["pooled"]);
            if (scored.Result.Flagged == false)
            {
                Assert.InRange(sent.Values.Sum(s => s.Bytes), 1, 49_999);
                continue;
            }
            int holders = scored.Result.Neighbours.Select(n => ShardMap.ShardOf(n.Id, shards)).Distinct().Count(remote.Contains);
            Assert.Equal((holders, holders * pyramid), sent["pyramid"]);
            Assert.Equal(holders, sent["matches"].Calls);
        }
        Assert.Contains(true, kept);
        Assert.Contains(false, kept);
    }

    [Fact]
    public async Task Busy_gateways_keep_their_images_from_each_others_devices()
    {
        int each = 8;
        var (store, _) = await CalibratedAsync(GatePolicy.Gate);
        var hold = new TaskCompletionSource();
        await using var silos = await TestSilos.StartAsync(store, ["gateway,extractor,gallery", "gateway,extractor,gallery"],
            extractor: _ => new FakeExtractor { Gate = () => hold.Task });
        var slots = Enumerable.Range(0, 2).Select(s => silos.Services(s).GetRequiredService<IGrainFactory>()
            .GetGrain<IExtractorGrain>(GrainKeys.Extractor(0, silos.Cluster.Silos[s].Name))).ToArray();
        var request = new ExtractRequest(FakeExtractor.SmallModel, Preprocessing.Stretch(FakeExtractor.Side, FakeExtractor.Side).ToString(),
            new byte[3 * FakeExtractor.Side * FakeExtractor.Side], WithPyramid: false);
        async Task<int[]> InFlightAsync(int all)
        {
            for (; ; )
            {
                int[] counts = [await slots[0].CountInWorkAsync(), await slots[1].CountInWorkAsync()];
                if (counts.Sum() == all) return counts;
            }
        }

        List<Task> work = [.. Enumerable.Range(0, each).Select(_ => slots[1].ExtractAsync(request, default))];
        Assert.Equal(new[] { 0, each }, await InFlightAsync(each).WaitAsync(TimeSpan.FromSeconds(30)));
        var pool = silos.Gateway.GetRequiredService<ExtractorPool>();
        for (int i = 1; i <= each; i++)
        {
            work.Add(pool.ExtractAsync(request, default));
            await InFlightAsync(each + i).WaitAsync(TimeSpan.FromSeconds(30));
        }
        // One image may go to another silo if that silo's answer took longer than the image waits for it.
        Assert.InRange((await InFlightAsync(2 * each))[0], each - 1, each);
        hold.SetResult();
        await Task.WhenAll(work).WaitAsync(TimeSpan.FromSeconds(30));
        await InFlightAsync(0).WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Separate extractors have the image sent to them; what is sent beside it, counted above, stays under 50 KB for
    /// 2048 features and 50 neighbours with as many shards as this.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Separate_roles_send_under_50_KB_beside_an_unflagged_image(int shards) =>
        Assert.InRange((1 + shards) * 4 * 2048 + shards * 12 * 50, 1, 50_000);

    private static async Task<(InMemoryGalleryStore Store, FakeEngines Engines)> CalibratedAsync(GatePolicy policy,
        int? galleryNeighbours = null, int shards = 2, int normals = 16, FeatureModel? model = null)
    {
        var store = new InMemoryGalleryStore();
        var engines = new FakeEngines(new FakeExtractor(model));
        var galleries = new GalleryService(store, engines, "test", shards: shards);
        await galleries.AddAsync("plate", Photos.Normals(normals));
        await galleries.CalibrateAsync("plate",
            new ScoringOptions { GatePolicy = policy, GalleryNeighbours = galleryNeighbours, Alpha = 0.1 });
        return (store, engines);
    }
}
