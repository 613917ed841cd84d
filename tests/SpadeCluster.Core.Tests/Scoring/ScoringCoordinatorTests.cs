using SpadeCluster.Core.Tests.Galleries;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

public class ScoringCoordinatorTests
{
    public static TheoryData<Fusion, int, bool> Methods =>
        new() { { Fusion.Concatenated, 1, false }, { Fusion.Concatenated, 3, true }, { Fusion.PerLevel, 1, true },
            { Fusion.PerLevel, 2, false } };

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task Any_number_of_shards_and_threads_gives_the_same_bits(Fusion fusion, int kappa, bool weighted)
    {
        var model = SyntheticGallery.Model with { WeightChannels = weighted };
        var random = new Random(11);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 23, model);
        var query = Query(random, model);
        var options = new ScoringOptions { Fusion = fusion, Kappa = kappa, GalleryNeighbours = 9 };
        var expected = await (await OpenGallery.LoadAsync(store, manifest, 1, 1)).Coordinator.ScoreAsync(query, options, null);
        foreach (int shards in new[] { 1, 2, 5, 8 })
        {
            foreach (int threads in new[] { 1, 2, 3 })
            {
                var actual = await (await OpenGallery.LoadAsync(store, manifest, shards, threads)).Coordinator.ScoreAsync(query, options,
                    null);
                Assert.Equal(expected.Map!.Values, actual.Map!.Values);
                Assert.Equal(expected.GateDistance, actual.GateDistance);
                Assert.Equal(expected.Neighbours, actual.Neighbours);
                Assert.Equal(expected.EvidenceAt(3, 7), actual.EvidenceAt(3, 7));
            }
        }
    }

    [Fact]
    public async Task Opening_ahead_reads_what_the_first_search_would_and_changes_no_bit()
    {
        var random = new Random(11);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 9);
        var query = Query(random, manifest.Model);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, shards: 2);
        var calibration = await Calibrator.RunAsync(store, gallery, new ScoringOptions { GalleryNeighbours = 5 });
        using var ahead = await OpenGallery.LoadAsync(store, manifest, shards: 2);
        await ahead.Coordinator.OpenAsync(calibration);

        var expected = await gallery.Coordinator.ScoreAsync(query, calibration.Options, calibration);
        var actual = await ahead.Coordinator.ScoreAsync(query, calibration.Options, calibration);
        Assert.Equal(expected.Map!.Values, actual.Map!.Values);
        Assert.Equal(expected.Score, actual.Score);
        var lost = new ScoringCoordinator(manifest.Model, 9, [new LostShard()]);
        Assert.Equal(SpadeError.Unavailable, (await Assert.ThrowsAsync<SpadeException>(() => lost.OpenAsync(calibration))).Error);
    }

    [Fact]
    public async Task An_image_of_the_gallery_is_at_distance_zero_from_itself_until_it_is_left_out()
    {
        var random = new Random(5);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 6);
        var gallery = await OpenGallery.LoadAsync(store, manifest);
        var id = manifest.Images[2].Id;
        var features = await store.ReadFeaturesAsync("c", id, manifest.Model);
        var query = new QueryImage(id, features.Pooled, await store.ReadPyramidAsync("c", id, manifest.Model));
        var options = new ScoringOptions { GateNeighbours = 1 };

        var itself = await gallery.Coordinator.ScoreAsync(query, options, null);
        Assert.Equal(0, itself.GateDistance);
        Assert.Equal(0, itself.Map!.Max);
        Assert.Equal(id, itself.EvidenceAt(0, 0)!.Image);

        var leftOut = await gallery.Coordinator.ScoreAsync(query, options, null, exclude: id);
        Assert.True(leftOut.GateDistance > 0);
        Assert.True(leftOut.Map!.Score > 0);
        Assert.DoesNotContain(leftOut.Neighbours, n => n.Id == id);
    }

    [Fact]
    public async Task The_gate_keeps_unflagged_images_from_the_pixel_search_and_calls_them_normal()
    {
        var (coordinator, query, distance) = await OneImage();
        var options = new ScoringOptions { GatePolicy = GatePolicy.Gate };

        var passed = await coordinator.ScoreAsync(query, options, Thresholds(tau: distance, theta: 0));
        Assert.False(passed.Flagged);
        Assert.Null(passed.Map);
        Assert.False(passed.Anomalous);
        Assert.InRange(passed.NormalisedScore!.Value, 0, 0.5);

        var flagged = await coordinator.ScoreAsync(query, options, Thresholds(tau: distance * 0.99, theta: 0));
        Assert.True(flagged.Flagged);
        Assert.True(flagged.Anomalous);
        Assert.NotEmpty(flagged.Regions);
    }

    [Fact]
    public async Task A_flagged_image_without_a_pixel_above_theta_is_normal()
    {
        var (coordinator, query, _) = await OneImage();
        var result = await coordinator.ScoreAsync(query, new ScoringOptions { GatePolicy = GatePolicy.Gate },
            Thresholds(tau: 0, theta: 1e9));
        Assert.True(result.Flagged);
        Assert.False(result.Anomalous);
        Assert.Empty(result.Regions);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public async Task The_audit_sample_is_chosen_by_content(double share, bool localised)
    {
        var (coordinator, query, distance) = await OneImage();
        var options = new ScoringOptions { GatePolicy = GatePolicy.GateOrSample, AuditShare = share };
        var result = await coordinator.ScoreAsync(query, options, Thresholds(tau: distance + 1, theta: 1));
        Assert.Equal(localised, result.Map is not null);
    }

    [Fact]
    public async Task More_neighbours_than_images_is_an_error_that_says_how_many_there_are()
    {
        var (coordinator, query, _) = await OneImage();
        var e = await Assert.ThrowsAsync<SpadeException>(async () =>
            await coordinator.ScoreAsync(query, new ScoringOptions { GalleryNeighbours = 9 }, null));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("8 images", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shard_that_fails_fails_the_call()
    {
        var random = new Random(3);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 8);
        var good = await GalleryShard.LoadAsync(store, manifest,
            manifest.Images.Select(i => i.Id).Where(id => ShardMap.ShardOf(id, 2) == 0));
        var coordinator = new ScoringCoordinator(manifest.Model, 8, [good, new LostShard()]);
        var e = await Assert.ThrowsAsync<SpadeException>(async () =>
            await coordinator.ScoreAsync(Query(random, manifest.Model), new ScoringOptions(), null));
        Assert.Equal(SpadeError.Unavailable, e.Error);
    }

    [Fact]
    public async Task Retrieval_ties_go_to_the_lowest_id()
    {
        var store = new InMemoryGalleryStore();
        var model = SyntheticGallery.Model;
        var (_, features) = SyntheticGallery.Image(new Random(1));
        var pyramid = FeaturePyramid.From(features);
        ImageId[] ids = [new(40), new(10), new(30), new(20)];
        foreach (var id in ids)
            await store.WriteImageAsync("c", id, model.Digest, StoredFeatures.From([.. features.Pooled], pyramid), pyramid);
        var (_, manifest) = await SyntheticGallery.BuildAsync(new Random(1), 1);
        manifest = manifest with { Images = [.. ids.Order().Select(id => new GalleryImage(id, "", "", DateTimeOffset.UnixEpoch, ""))] };
        await store.PublishAsync(manifest);
        var gallery = await OpenGallery.LoadAsync(store, manifest, shards: 3);
        var result = await gallery.Coordinator.ScoreAsync(Query(new Random(2), model),
            new ScoringOptions { GateNeighbours = 2, GalleryNeighbours = 2 }, null);
        Assert.Equal([new ImageId(10), new ImageId(20)], result.Neighbours.Select(n => n.Id));
        Assert.Equal(new ImageId(10), result.EvidenceAt(0, 0)!.Image);
    }

    private static async Task<(ScoringCoordinator Coordinator, QueryImage Query, double GateDistance)> OneImage()
    {
        var random = new Random(3);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 8);
        var coordinator = (await OpenGallery.LoadAsync(store, manifest)).Coordinator;
        var query = Query(random, manifest.Model);
        return (coordinator, query, (await coordinator.ScoreAsync(query, new ScoringOptions(), null)).GateDistance);
    }

    private static QueryImage Query(Random random, FeatureModel model)
    {
        var (id, features) = SyntheticGallery.Image(random, model);
        return new QueryImage(id, features.Pooled, FeaturePyramid.From(features));
    }

    private static Calibration Thresholds(double tau, double theta)
        => new() { Options = new ScoringOptions(), Tau = tau, Theta = theta, Rate = 0.01, GateDistances = [0, tau], Scores = [0, theta] };

    private sealed class LostShard : IGalleryShard
    {
        public ValueTask OpenAsync(CancellationToken cancellationToken = default)
            => throw new SpadeException(SpadeError.Unavailable, "shard lost");

        public ValueTask<IReadOnlyList<Neighbour>> NearestAsync(ReadOnlyMemory<float> pooled, int count, ImageId? exclude,
            IReadOnlyList<int>? tiles = null,
            CancellationToken cancellationToken = default)
            => throw new SpadeException(SpadeError.Unavailable, "shard lost");

        public ValueTask<IReadOnlyList<PixelMatches>> MatchAsync(FeaturePyramid query, IReadOnlyList<GalleryPick> picks,
            PixelSearchOptions options, CancellationToken cancellationToken = default)
            => throw new SpadeException(SpadeError.Unavailable, "shard lost");
    }
}
