using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Snapshots;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests;

/// <summary>Categories that are deleted, restored and renamed, in every durable store.</summary>
[Collection(StoresCollection.Name)]
public sealed class DeletionTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);
    private readonly SetTime _clock = new();

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [Theory, MemberData(nameof(Media))]
    public async Task A_deleted_category_is_gone_and_comes_back_to_the_bit(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var service = await BuiltAsync(store, "bolt");
        await service.AddAsync("nut", Stores.Images(1, 2));
        double[] before = await Stores.ScoresAsync(store, "bolt", 80, 81);

        var deleted = await service.DeleteAsync("bolt", "line 4 is closed");
        Assert.Equal(("bolt", 6, "ann", _clock.Now + TimeSpan.FromDays(7)),
            (deleted.Category, deleted.Images, deleted.DeletedBy, deleted.Until));
        // Another process sees the same.
        var other = _stores.Open(medium, location);
        Assert.Equal(["nut"], await other.ListCategoriesAsync());
        Assert.Equal([deleted], await Service(other).ListDeletedAsync());
        foreach (var refused in new Func<Task>[]
        {
            async () => await Stores.ScoresAsync(other, "bolt", 80), async () => await service.GetAsync("bolt"),
            async () => await service.HistoryAsync("bolt"), async () => await service.RetireAsync("bolt", ["1.png"], "x"),
            async () => await service.RollBackAsync("bolt", 1, "x"), async () => await service.DeleteAsync("bolt", "again"),
            async () => await service.CompactAsync("bolt", new Retention(1)),
            async () => await Snapshot.ExportAsync(store, "bolt", Path.Combine(_stores.Folder, "no.tar")),
        })
        {
            var e = await Assert.ThrowsAsync<SpadeException>(refused);
            Assert.Equal(SpadeError.NotFound, e.Error);
            Assert.Contains("can be restored until 2026-12-06 10:00 UTC", e.Message);
        }

        var restored = await Service(other).UndeleteAsync("bolt", "opened again");
        Assert.Equal(4, restored.Version);
        Assert.Equal(["bolt", "nut"], await store.ListCategoriesAsync());
        Assert.Empty(await service.ListDeletedAsync());
        Assert.Equal(before, await Stores.ScoresAsync(store, "bolt", 80, 81));
        var history = await service.HistoryAsync("bolt");
        Assert.Equal(["delete: line 4 is closed", "undelete: opened again"], history.TakeLast(2).Select(v => v.Reason));
        Assert.Equal([false, false, true, false], history.Select(v => v.Deleted));
        Assert.Empty(await service.VerifyAsync("bolt"));
        Assert.Equal(SpadeError.InvalidArgument,
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.RollBackAsync("bolt", 3, "x"))).Error);
        Assert.Equal(SpadeError.FailedPrecondition,
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.UndeleteAsync("bolt", "x"))).Error);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task The_data_stays_until_the_time_is_over_and_while_a_reader_has_it(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store, "bolt");
        var model = (await store.ReadCurrentAsync("bolt"))!.Model;
        await service.DeleteAsync("bolt", "x");
        Assert.Empty(await service.SweepAsync());
        _clock.Now += TimeSpan.FromDays(7);
        using (await store.PinAsync("bolt", 2))
        {
            await service.SweepAsync();
            Assert.Equal([2, 3], await store.ListVersionsAsync("bolt"));
            await store.ReadPyramidAsync("bolt", ImageId.Of("image 1"u8), model);
        }
        Assert.Equal(["bolt"], await service.SweepAsync());
        Assert.Empty(await service.SweepAsync());
        Assert.Equal([3], await store.ListVersionsAsync("bolt"));
        await Assert.ThrowsAsync<SpadeException>(async () => await store.ReadPyramidAsync("bolt", ImageId.Of("image 1"u8), model));
        Assert.Empty(await service.ListDeletedAsync());
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await service.UndeleteAsync("bolt", "too late"));
        Assert.Equal(SpadeError.NotFound, e.Error);
        Assert.Contains("has been removed", e.Message);
        // The name is free, also for another model; its numbers go on, so that no number ever means two galleries.
        var again = await new GalleryService(store, new SyntheticEngine(SyntheticEngine.Tiny with { Digest = new string('b', 64) }), "ann")
            .AddAsync("bolt", Stores.Images(1, 2));
        Assert.Equal(4, again!.Version);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_category_that_cannot_be_swept_does_not_keep_the_data_of_others(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store, "bolt");
        await BuiltAsync(store, "nut");
        await service.DeleteAsync("bolt", "x");
        await service.DeleteAsync("nut", "x");
        _clock.Now += TimeSpan.FromDays(7);
        var failing = new GalleryService(store, new SyntheticEngine(), "ann", threads: 1, _clock)
        {
            Lock = (name, stop) => name == "bolt" ? throw new SpadeException(SpadeError.Unavailable, "no connection is free")
                : store.LockAsync(name, stop),
        };
        Assert.Equal(SpadeError.Unavailable,
            (await Assert.ThrowsAsync<SpadeException>(async () => await failing.SweepAsync())).Error);
        Assert.Equal([3], await store.ListVersionsAsync("nut"));
        Assert.Equal(["bolt"], await service.SweepAsync());
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Without_a_time_the_data_is_removed_at_once(Medium medium)
    {
        var store = _stores.New(medium);
        await BuiltAsync(store, "bolt");
        var service = Service(store, TimeSpan.Zero);
        await service.DeleteAsync("bolt", "x");
        Assert.Equal([3], await store.ListVersionsAsync("bolt"));
        Assert.Equal("no category 'bolt': ann deleted it with its data",
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.GetAsync("bolt"))).Message);
        Assert.Empty(await store.ListCategoriesAsync());
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_category_created_again_has_its_own_images_and_thresholds(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store, "bolt");
        await service.DeleteAsync("bolt", "new lamp");
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await new GalleryService(store,
            new SyntheticEngine(SyntheticEngine.Tiny with { Digest = new string('b', 64) }), "ann", clock: _clock)
            .AddAsync("bolt", Stores.Images(1)));
        Assert.Equal(SpadeError.FailedPrecondition, e.Error);
        Assert.Contains("is kept until 2026-12-06 10:00 UTC", e.Message);

        var again = await service.AddAsync("bolt", Stores.Images(2, 50, 51));
        Assert.Equal((4, 3), (again!.Version, again.Images.Count));
        using var scoring = new ScoringService(store, new SyntheticEngine(), threads: 1);
        var scored = await scoring.ScoreAsync("bolt", Stores.Image(80));
        Assert.Equal((4, (Verdict?)null), (scored.Gallery.Version, scored.Result.Verdict));
        Assert.Null(await service.ReadSettingsAsync("bolt"));

        e = await Assert.ThrowsAsync<SpadeException>(async () => await service.UndeleteAsync("bolt", "x"));
        Assert.Equal(SpadeError.FailedPrecondition, e.Error);
        Assert.Contains("roll back to version 2", e.Message);
        Assert.Equal(6, (await service.RollBackAsync("bolt", 2, "the old ones")).Images.Count);
        Assert.Empty(await service.VerifyAsync("bolt"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_renamed_category_has_its_versions_and_its_scores(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store, "bolt");
        double[] before = await Stores.ScoresAsync(store, "bolt", 80, 81);
        var renamed = await service.RenameAsync("bolt", "screw", "its real name");
        Assert.Equal(("screw", 3, "rename from bolt: its real name"), (renamed.Category, renamed.Version, renamed.Reason));
        Assert.Equal(["screw"], await store.ListCategoriesAsync());
        Assert.Equal(before, await Stores.ScoresAsync(store, "screw", 80, 81));
        Assert.Equal([1, 2, 3], (await service.HistoryAsync("screw")).Select(v => v.Version));
        Assert.Empty(await service.VerifyAsync("screw"));
        foreach (var refused in new Func<Task>[]
            { async () => await Stores.ScoresAsync(store, "bolt", 80), async () => await service.UndeleteAsync("bolt", "x") })
        {
            var e = await Assert.ThrowsAsync<SpadeException>(refused);
            Assert.Equal((SpadeError.NotFound, "category 'bolt' has been renamed to 'screw': use that name"), (e.Error, e.Message));
        }
        Assert.Equal([3], await store.ListVersionsAsync("bolt"));
        Assert.Empty(await service.ListDeletedAsync());

        // Back again: the numbers of a name never begin again.
        Assert.Equal(7, (await service.RenameAsync("screw", "bolt", "no")).Version);
        Assert.Equal([3, 4, 5, 6, 7], (await service.HistoryAsync("bolt")).Select(v => v.Version));
        Assert.Equal(before, await Stores.ScoresAsync(store, "bolt", 80, 81));
        Assert.Empty(await service.VerifyAsync("bolt"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Only_a_free_name_can_be_given(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store, "bolt");
        await service.AddAsync("nut", Stores.Images(1));
        await service.AddAsync("gone", Stores.Images(1));
        await service.DeleteAsync("gone", "x");
        await FailsAsync(SpadeError.FailedPrecondition, "bolt", "nut");
        await FailsAsync(SpadeError.FailedPrecondition, "bolt", "gone");
        await FailsAsync(SpadeError.InvalidArgument, "bolt", "bolt");
        await FailsAsync(SpadeError.InvalidArgument, "bolt", "../bolt");
        await FailsAsync(SpadeError.NotFound, "none", "screw");
        Assert.Equal(["bolt", "nut"], await store.ListCategoriesAsync());

        // A snapshot does not replace what can still be restored, and continues the numbers of a free name.
        string tar = Path.Combine(_stores.Folder, "bolt.tar");
        await Snapshot.ExportAsync(store, "bolt", tar);
        await service.DeleteAsync("bolt", "x");
        Assert.Equal(SpadeError.FailedPrecondition,
            (await Assert.ThrowsAsync<SpadeException>(async () => await Snapshot.ImportAsync(store, tar))).Error);
        _clock.Now += TimeSpan.FromDays(7);
        await service.SweepAsync();
        Assert.Equal(5, (await Snapshot.ImportAsync(store, tar)).Version);
        Assert.Empty(await service.VerifyAsync("bolt"));

        async Task FailsAsync(SpadeError error, string category, string name) => Assert.Equal(error,
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.RenameAsync(category, name, "x"))).Error);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_change_that_ends_between_two_steps_loses_nothing(Medium medium)
    {
        var store = _stores.New(medium);
        var service = Service(store);
        int tries = 0;
        foreach (var change in new Func<string, ValueTask>[]
        {
            async bolt => await service.DeleteAsync(bolt, "x"), async bolt => await service.RenameAsync(bolt, bolt + "-new", "x"),
        })
        {
            bool interrupted = true;
            for (int step = 1; interrupted; step++)
            {
                string bolt = $"bolt{++tries}";
                await service.AddAsync(bolt, Stores.Images(1, 2));
                double[] before = await Stores.ScoresAsync(store, bolt, 80);
                int passed = 0, last = step;
                FaultPoint.Reached = _ => { if (++passed == last) throw new InvalidOperationException("ends here"); };
                try
                {
                    await change(bolt);
                    interrupted = false;
                }
                catch (InvalidOperationException)
                {
                    // As if the process had ended.
                }
                finally
                {
                    FaultPoint.Reached = null;
                }
                if ((await service.ListDeletedAsync()).Any(d => d.Category == bolt)) await service.UndeleteAsync(bolt, "x");
                var names = (await store.ListCategoriesAsync()).Where(n => n.Split('-')[0] == bolt).ToList();
                Assert.NotEmpty(names);
                foreach (string name in names)
                {
                    Assert.Equal(before, await Stores.ScoresAsync(store, name, 80));
                    Assert.Empty(await service.VerifyAsync(name));
                }
            }
        }
        Assert.True(tries > 15, $"only {tries} steps were reached");
    }

    private GalleryService Service(IGalleryStore store, TimeSpan? keep = null) =>
        new(store, new SyntheticEngine(), "ann", threads: 1, _clock) { KeepDeleted = keep ?? Deletion.DefaultKeep };

    private async Task<GalleryService> BuiltAsync(IGalleryStore store, string category)
    {
        var service = Service(store);
        await service.AddAsync(category, Stores.ImageRange(0, 6));
        await service.CalibrateAsync(category, new ScoringOptions());
        return service;
    }

    private sealed class SetTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 29, 10, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
