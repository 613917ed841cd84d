using System.Globalization;
using System.Text;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Format;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests;

/// <summary>The contract of every durable store.</summary>
[Collection(StoresCollection.Name)]
public sealed class GalleryStoreTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [PostgresFact]
    public void PostgreSQL_is_tested() => Assert.Equal(2, Media.Count);

    [Theory, MemberData(nameof(Media))]
    public async Task Gives_back_what_was_added_in_another_process(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var written = await Stores.Service(_stores.Open(medium, location)).AddAsync("bolt", Stores.ImageRange(0, 5));
        var memory = new InMemoryGalleryStore();
        var expected = await Stores.Service(memory).AddAsync("bolt", Stores.ImageRange(0, 5));

        var store = _stores.Open(medium, location);
        var read = (await store.ReadCurrentAsync("bolt"))!;
        Assert.Equal(["bolt"], await store.ListCategoriesAsync());
        Assert.Equal(written!.Images, read.Images);
        Assert.Equal(expected!.Weights!.Pooled, read.Weights!.Pooled);
        Assert.Equal(expected.Weights.Levels, read.Weights.Levels);
        var model = read.Model;
        Assert.Equal(model.Digest, await store.ReadModelDigestAsync("bolt"));
        foreach (var (image, pooled) in read.Images.Zip(await store.ReadPooledAsync("bolt", [.. read.Images.Select(i => i.Id)], model)))
        {
            var (mine, theirs) = (await memory.ReadFeaturesAsync("bolt", image.Id, SyntheticEngine.Tiny),
                await store.ReadFeaturesAsync("bolt", image.Id, model));
            Assert.Equal(mine.Pooled, theirs.Pooled);
            Assert.Equal(mine.Pooled, pooled);
            Assert.Equal(mine.Moments.Select(m => m.Sum), theirs.Moments.Select(m => m.Sum));
            Assert.Equal(mine.Moments.Select(m => m.SumOfSquares), theirs.Moments.Select(m => m.SumOfSquares));
            var (pyramid, stored) = (await memory.ReadPyramidAsync("bolt", image.Id, SyntheticEngine.Tiny),
                await store.ReadPyramidAsync("bolt", image.Id, model));
            for (int l = 0; l < 2; l++) Assert.True(pyramid.Level(l).SequenceEqual(stored.Level(l)));
            Assert.Equal(await memory.ReadThumbnailAsync("bolt", image.Id, SyntheticEngine.Tiny),
                await store.ReadThumbnailAsync("bolt", image.Id, model));
        }
        Assert.Equal(await Stores.ScoresAsync(memory, "bolt", 3, 70, 71), await Stores.ScoresAsync(store, "bolt", 3, 70, 71));
        Assert.Empty(await Stores.Service(store).VerifyAsync("bolt"));
    }

    [Fact]
    public async Task A_model_digest_in_a_damaged_manifest_is_none_or_a_text()
    {
        var store = _stores.New(Medium.Files);
        await Stores.Service(store).AddAsync("bolt", Stores.ImageRange(0, 2));
        byte[] good = (await store.ReadManifestAsync("bolt", 1, default))!;
        string digest = (await store.ReadCurrentAsync("bolt"))!.Model.Digest;
        int place = good.AsSpan().IndexOf(Encoding.ASCII.GetBytes(digest));
        for (int length = 0; length <= good.Length; length++)
            Assert.Equal(length > place + digest.Length ? digest : null, ManifestFile.ModelDigest(good.AsSpan(0, length)));
        var random = new Random(3);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. good];
            for (int n = random.Next(1, 4); n > 0; n--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            ManifestFile.ModelDigest(bytes); // does not throw
        }
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_segment_of_many_chunks_comes_back_whole(Medium medium)
    {
        // 1.7 MB, its levels across the borders of the database's chunks.
        var model = SyntheticEngine.Tiny with { Levels = [new(56, 56, 200), new(28, 28, 300)] };
        var service = new GalleryService(_stores.New(medium) is var store ? store : null!, new SyntheticEngine(model), "ann");
        var memory = new InMemoryGalleryStore();
        await service.AddAsync("c", Stores.Images(1));
        var expected = await new GalleryService(memory, new SyntheticEngine(model), "ann").AddAsync("c", Stores.Images(1));
        var id = expected!.Images[0].Id;
        var (a, b) = (await memory.ReadPyramidAsync("c", id, model), await store.ReadPyramidAsync("c", id, model));
        for (int l = 0; l < 2; l++) Assert.True(a.Level(l).SequenceEqual(b.Level(l)));
        Assert.Empty(await service.VerifyAsync("c"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_compressed_gallery_has_the_same_scores(Medium medium)
    {
        var store = _stores.New(medium);
        var service = Stores.Service(store);
        foreach (string category in new[] { "bolt", "nut" }) await service.AddAsync(category, Stores.ImageRange(0, 5));
        await service.RetireAsync("bolt", ["2.png"], "stray");
        await service.CalibrateAsync("bolt", new ScoringOptions());
        double[] scores = await Stores.ScoresAsync(store, "bolt", 3, 70, 71);
        var (images, before, after) = await CompressAsync("bolt");
        Assert.Equal(5, images); // an earlier version names the retired one
        Assert.NotEqual(before, after); // these features are noise: real ones get smaller
        Assert.Equal((5, after, after), await CompressAsync("bolt"));
        Assert.Equal(scores, await Stores.ScoresAsync(store, "bolt", 3, 70, 71));
        Assert.Empty(await service.VerifyAsync("bolt"));
        Assert.Equal(3, (await store.ReadCurrentAsync("bolt"))!.Version);
        Assert.Equal(24, (await service.GetThumbnailAsync("bolt", ImageId.Of("image 1"u8)))!.Length);

        // And back, to the bytes that there were.
        Assert.Equal((5, after, before), await CompressAsync("bolt", false));
        Assert.Equal((0, 5), await CompressedOfAsync("bolt"));
        Assert.Empty(await service.VerifyAsync("bolt"));
        Assert.Equal(scores, await Stores.ScoresAsync(store, "bolt", 3, 70, 71));
        await CompressAsync("bolt");

        // Later images are compressed, too; those of other categories are not.
        await service.AddAsync("bolt", Stores.Images(8));
        await service.AddAsync("nut", Stores.Images(8));
        Assert.Equal((6, 6), await CompressedOfAsync("bolt"));
        Assert.Equal((0, 6), await CompressedOfAsync("nut"));
        await service.RollBackAsync("bolt", 1, "as at first");
        var memory = new InMemoryGalleryStore();
        await Stores.Service(memory).AddAsync("bolt", Stores.ImageRange(0, 5));
        foreach (var one in new[] { service, Stores.Service(memory) }) await one.CalibrateAsync("bolt", new ScoringOptions());
        Assert.Equal(await Stores.ScoresAsync(memory, "bolt", 70), await Stores.ScoresAsync(store, "bolt", 70));

        // A damaged image is retired and added again, as its error says.
        var first = (await store.ReadCurrentAsync("bolt"))!.Images[0];
        await store.WriteSegmentAsync("bolt", first.Id, new byte[100], default);
        Assert.Equal(SpadeError.DataLoss, (await Assert.ThrowsAsync<SpadeException>(() => CompressAsync("bolt"))).Error);
        await service.RetireAsync("bolt", [first.Source], "damaged");
        await service.AddAsync("bolt", Stores.Images(int.Parse(first.Source.Split('.')[0], CultureInfo.InvariantCulture)));
        Assert.Empty(await service.VerifyAsync("bolt"));
        Assert.Equal((6, 6), await CompressedOfAsync("bolt"));

        async Task<(int Images, long Before, long After)> CompressAsync(string category, bool compressed = true)
        {
            using var writer = await store.LockAsync(category);
            return await store.SetCompressionAsync(category, compressed);
        }

        async Task<(int Compressed, int Of)> CompressedOfAsync(string category)
        {
            int compressed = 0, of = 0;
            foreach (var id in Enumerable.Range(0, 10).Select(n => ImageId.Of(Encoding.ASCII.GetBytes($"image {n}"))))
            {
                try
                {
                    using var source = await store.OpenAsync(category, id, default);
                    of++;
                    if ((await Segment.ReadHeaderAsync(source, id, SyntheticEngine.Tiny, "", default)).IsCompressed) compressed++;
                }
                catch (SpadeException e) when (e.Error == SpadeError.DataLoss)
                {
                    // no such image
                }
            }
            return (compressed, of);
        }
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_gallery_is_scored_while_it_is_compressed(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        await Stores.Service(store).AddAsync("c", Stores.ImageRange(0, 30));
        double[] scores = await Stores.ScoresAsync(store, "c", 70);
        using var started = new SemaphoreSlim(0);
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            var mine = _stores.Open(medium, location);
            do
            {
                Assert.Equal(scores, await Stores.ScoresAsync(mine, "c", 70));
                started.Release();
            }
            while (!done.IsCancellationRequested);
        })).ToArray();
        await started.WaitAsync();
        using (await store.LockAsync("c")) Assert.Equal(30, (await store.SetCompressionAsync("c", compressed: true)).Images);
        done.Cancel();
        await Task.WhenAll(readers);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Where_nothing_is_nothing_is_found(Medium medium)
    {
        var store = _stores.New(medium);
        Assert.Empty(await store.ListCategoriesAsync());
        Assert.Null(await store.ReadCurrentVersionAsync("c"));
        Assert.Null(await store.ReadCurrentAsync("c"));
        Assert.Empty(await store.ListVersionsAsync("c"));
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(async () => await store.ReadVersionAsync("c", 1))).Error);
        Assert.Equal(SpadeError.NotFound, (await Assert.ThrowsAsync<SpadeException>(async () => await store.PinAsync("c", 1))).Error);
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(async () => await Stores.Service(store).VerifyAsync("c"))).Error);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Rolling_back_a_bad_add_restores_the_scores_to_the_bit(Medium medium)
    {
        var store = _stores.New(medium);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 6));
        await service.CalibrateAsync("c", new ScoringOptions());
        double[] before = await Stores.ScoresAsync(store, "c", 1, 80, 81);
        await service.AddAsync("c", Stores.Images(80, 90, 91));
        await service.CalibrateAsync("c", new ScoringOptions());
        Assert.NotEqual(before, await Stores.ScoresAsync(store, "c", 1, 80, 81));
        var back = await service.RollBackAsync("c", 2, "bad add");
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 1, 80, 81));
        Assert.Equal((await service.GetVersionAsync("c", 2)).Calibration!.Scores, back.Calibration!.Scores);
        Assert.Equal([1, 2, 3, 4, 5], (await service.HistoryAsync("c")).Select(v => v.Version));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task An_image_added_again_keeps_its_first_bytes(Medium medium)
    {
        var store = _stores.New(medium);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.Images(1, 2));
        await service.RetireAsync("c", ["1.png"], "stray");
        // Another host's network rounds differently: version 1 must not change.
        double[] before = await Stores.ScoresAsync(store, "c", 5);
        var model = (await store.ReadCurrentAsync("c"))!.Model;
        var id = ImageId.Of("image 1"u8);
        var first = await store.ReadPyramidAsync("c", id, model);
        using (await store.LockAsync("c"))
            await store.WriteImageAsync("c", id, model.Digest, await store.ReadFeaturesAsync("c", id, model),
                await store.ReadPyramidAsync("c", ImageId.Of("image 2"u8), model));
        var now = await store.ReadPyramidAsync("c", id, model);
        Assert.True(first.Level(0).SequenceEqual(now.Level(0)));
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 5));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Two_writers_at_once_one_is_told_and_nothing_is_lost(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var (first, second) = (_stores.Open(medium, location), _stores.Open(medium, location));
        using (await first.LockAsync("c"))
        {
            var e = await Assert.ThrowsAsync<SpadeException>(async () => await Stores.Service(second).AddAsync("c", Stores.Images(1)));
            Assert.Equal(SpadeError.FailedPrecondition, e.Error);
            Assert.Contains("being changed by another process", e.Message);
            using var other = await second.LockAsync("d");
        }
        await Task.WhenAll(Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
        {
            var service = Stores.Service(w % 2 == 0 ? first : second, $"writer {w}");
            for (int i = 0; i < 5; i++)
                while (true)
                {
                    try
                    {
                        await service.AddAsync("c", Stores.Images(100 * w + i));
                        break;
                    }
                    catch (SpadeException e) when (e.Error == SpadeError.FailedPrecondition)
                    {
                        await Task.Yield();
                    }
                }
        })));
        var m = (await first.ReadCurrentAsync("c"))!;
        Assert.Equal((20, 20), (m.Version, m.Images.Count));
        Assert.Empty(await Stores.Service(first).VerifyAsync("c"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_version_is_published_once_and_only_with_images_that_are_there(Medium medium)
    {
        var store = _stores.New(medium);
        var m = (await Stores.Service(store).AddAsync("c", Stores.Images(1)))!;
        Assert.Equal(SpadeError.FailedPrecondition,
            (await Assert.ThrowsAsync<SpadeException>(async () => await store.PublishAsync(m))).Error);
        Assert.Equal(SpadeError.FailedPrecondition,
            (await Assert.ThrowsAsync<SpadeException>(async () => await store.PublishAsync(m with { Version = 3 }))).Error);
        var ghost = m.Images[0] with { Id = new ImageId(7) };
        Assert.Equal(SpadeError.DataLoss,
            (await Assert.ThrowsAsync<SpadeException>(async () =>
                await store.PublishAsync(m with { Version = 2, Images = [ghost] }))).Error);
        Assert.Equal(1, await store.ReadCurrentVersionAsync("c"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Compaction_drops_what_no_kept_or_pinned_version_needs(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 6));
        double[] before = await Stores.ScoresAsync(store, "c", 70);
        var m1 = await service.GetVersionAsync("c", 1);
        await service.RetireAsync("c", ["0.png", "1.png"], "worn");
        await service.AddAsync("c", Stores.Images(9));

        // A reader in another process, as far as the store can tell.
        using (var pinned = await OpenGallery.LoadAsync(_stores.Open(medium, location), m1))
        {
            var report = await service.CompactAsync("c", new Retention(1));
            Assert.Equal(([2], [1], 0), (report.Dropped, report.InUse, report.Images), Compare);
            Assert.Equal(6, (await pinned.Coordinator.ScoreAsync(await QueryAsync(store, m1), new ScoringOptions { GateNeighbours = 1 },
                null)).Neighbours.Count);
        }
        var second = await service.CompactAsync("c", new Retention(1));
        Assert.Equal(([1], [], 2), (second.Dropped, second.InUse, second.Images), Compare);
        Assert.True(second.Bytes > 0);
        Assert.Equal([3], await store.ListVersionsAsync("c"));
        Assert.Empty(await service.VerifyAsync("c"));
        Assert.Equal(SpadeError.NotFound, (await Assert.ThrowsAsync<SpadeException>(async () => await store.PinAsync("c", 1))).Error);
        Assert.NotEqual(before, await Stores.ScoresAsync(store, "c", 70));

        static bool Compare((IReadOnlyList<int> D, IReadOnlyList<int> U, int I) a, (IReadOnlyList<int> D, IReadOnlyList<int> U, int I) b) =>
            a.D.SequenceEqual(b.D) && a.U.SequenceEqual(b.U) && a.I == b.I;

        static async Task<QueryImage> QueryAsync(IGalleryStore store, GalleryManifest m)
        {
            var id = m.Images[0].Id;
            return new QueryImage(id, (await store.ReadFeaturesAsync("c", id, m.Model)).Pooled,
                await store.ReadPyramidAsync("c", id, m.Model));
        }
    }
}
