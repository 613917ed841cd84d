using SpadeCluster.Core.Tests.Galleries;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

/// <summary>A region of interest: what is outside changes nothing inside, and nothing is found there.</summary>
public class RegionTests
{
    /// <summary>The left half of a 4x4 grid, so that coarse cells lie on one side.</summary>
    private static readonly Region Left =
        new("left", new string('0', 64), [], [.. Enumerable.Range(0, 16).Select(cell => (byte)(cell % 4 < 2 ? 1 : 0))]);

    public static TheoryData<Fusion, bool> Methods =>
        new() { { Fusion.Concatenated, true }, { Fusion.Concatenated, false }, { Fusion.PerLevel, false } };

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task What_is_outside_changes_no_bit_for_any_number_of_shards_and_threads(Fusion fusion, bool normalised)
    {
        var random = new Random(7);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 12);
        manifest = manifest with { Region = Left };
        var options = new ScoringOptions { Fusion = fusion, Normalised = normalised, Sigma = 1.5, Alpha = 0.1 };
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
        var calibration = await Calibrator.RunAsync(store, gallery, options);
        var (id, features) = SyntheticGallery.Image(random);
        var expected = await ScoreAsync(gallery);
        // A large defect outside: only the pooled feature, kept as it was, could see it.
        foreach (var (shape, values) in features.Shapes.Zip(features.Levels))
            for (int cell = 0; cell < shape.Cells; cell++)
                if (cell % shape.Width >= shape.Width / 2) values.AsSpan(cell * shape.Channels, shape.Channels).Fill(50);
        foreach (int shards in new[] { 1, 3, 8 })
            foreach (int threads in new[] { 1, 2 })
            {
                using var other = await OpenGallery.LoadAsync(store, manifest, shards, threads);
                var again = await Calibrator.RunAsync(store, other, options);
                Assert.Equal((calibration.Theta, calibration.MapScale), (again.Theta, again.MapScale));
                Assert.Equal(calibration.Scores, again.Scores);
                var actual = await ScoreAsync(other);
                Assert.Equal(expected.Score, actual.Score);
                Assert.Equal(expected.Map!.Values, actual.Map!.Values);
                Assert.Equal(expected.EvidenceAt(3, 7), actual.EvidenceAt(3, 7));
                Assert.Null(actual.EvidenceAt(12, 7));
                for (int i = 0; i < 16 * 16; i++) Assert.Equal(i % 16 < 8, actual.Map.Values[i] > 0);
                Assert.All(actual.Regions, r => Assert.True(r.X + r.Width <= 8));
            }

        ValueTask<ScoreResult> ScoreAsync(OpenGallery opened)
            => opened.Coordinator.ScoreAsync(new QueryImage(id, features.Pooled, FeaturePyramid.From(features)), options, calibration);
    }

    [Fact]
    public async Task All_of_the_photograph_as_region_gives_the_scores_of_none()
    {
        var random = new Random(8);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 6);
        var whole = manifest with { Region = Left with { CellMask = [.. Enumerable.Repeat((byte)1, 16)] } };
        var options = new ScoringOptions { Normalised = true, Sigma = 1 };
        using var gallery = await OpenGallery.LoadAsync(store, manifest);
        using var within = await OpenGallery.LoadAsync(store, whole);
        Assert.Equal((await Calibrator.RunAsync(store, gallery, options)).Scores,
            (await Calibrator.RunAsync(store, within, options)).Scores);
    }

    [Fact]
    public void A_constant_map_in_a_region_stays_constant_up_to_its_edge()
    {
        var matches = new PixelMatches(4, 4, 1);
        for (int cell = 0; cell < 16; cell++) matches.Distances[cell] = cell % 4 < 2 ? 3 : float.PositiveInfinity;
        var map = AnomalyMap.From([matches], 16, 16, new GaussianFilter(3));
        for (int i = 0; i < 256; i++) Assert.Equal(i % 16 < 8 ? 3 : 0, map.Values[i], 1e-5);
        // The highest share is of the pixels inside.
        Assert.Equal(3, map.MeanOfHighest(1), 1e-5);
    }

    [Fact]
    public async Task A_region_is_a_version_that_later_versions_keep_until_it_is_taken_back()
    {
        var store = new InMemoryGalleryStore();
        var service = new GalleryService(store, new Halves(), "ann");
        ImageSource[] Images(params byte[] seeds) => [.. seeds.Select(s => new ImageSource($"{s}.png", new byte[] { s }))];
        await service.AddAsync("c", Images(1, 2, 3, 4));
        var calibrated = await service.CalibrateAsync("c", new ScoringOptions { GateNeighbours = 1 });
        var mask = new ImageSource("left.png", "left"u8.ToArray());
        var set = await service.SetRegionAsync("c", mask, "the belt");
        Assert.Equal((3, "inspect the region left.png: the belt"), (set.Version, set.Reason));
        Assert.Null(set.Calibration);
        Assert.Equal(Left.CellMask, set.Region!.CellMask);
        Assert.Equal("left"u8.ToArray(), set.Region.Mask);
        Assert.Equal(0.5, set.Region.Share);
        Assert.Equal(3, (await service.SetRegionAsync("c", mask, "again")).Version);

        var added = await service.AddAsync("c", Images(5));
        Assert.Equal(set.Region.Digest, added!.Region!.Digest);
        // Without the region the same images have their earlier thresholds again; with it they had none.
        var retired = await service.RetireAsync("c", ["5.png"], "blurred");
        Assert.Null(retired.Calibration);
        var whole = await service.SetRegionAsync("c", null, "the belt is gone");
        Assert.Null(whole.Region);
        Assert.Equal(calibrated.Calibration!.Theta, whole.Calibration!.Theta);

        Assert.Equal(SpadeError.InvalidArgument, (await Assert.ThrowsAsync<SpadeException>(() =>
            service.SetRegionAsync("c", new ImageSource("black.png", "black"u8.ToArray()), "x").AsTask())).Error);
        Assert.Equal(SpadeError.InvalidArgument, (await Assert.ThrowsAsync<SpadeException>(() =>
            service.SetRegionAsync("c", new ImageSource("large.png", new byte[Region.MaxMaskBytes + 1]), "x").AsTask())).Error);
    }

    /// <summary>The synthetic model behind a preparer for which "left" is a mask of the left half, and "black" an empty one.</summary>
    private sealed class Halves : IFeatureEngines, IFeatureExtractor, IImagePreparer
    {
        public FeatureModel Model => SyntheticGallery.Model;
        public string Description => "synthetic";
        public FeatureEngine Default => new(this, this);

        public FeatureEngine For(FeatureModel model, string preprocessing) => Default;

        public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
        {
            var image = new RgbImage(16, 16);
            bool left = file.SequenceEqual("left"u8);
            for (int i = 0; i < 256; i++) image.Pixels[3 * i] = left ? (byte)(i % 16 < 8 ? 255 : 0) : file.Length == 1 ? file[0] : (byte)0;
            return new PreparedImage(image, InputGeometry.Same(16, 16));
        }

        public ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
            CancellationToken cancellationToken = default)
        {
            for (int i = 0; i < images.Count; i++)
            {
                var (_, made) = SyntheticGallery.Image(new Random(images[i].Pixels[0]));
                made.Pooled.CopyTo(features[i].Pooled, 0);
                for (int l = 0; l < made.Levels.Count; l++) made.Levels[l].CopyTo(features[i].Levels[l], 0);
            }
            return ValueTask.CompletedTask;
        }

        public void Dispose() { }
    }
}
