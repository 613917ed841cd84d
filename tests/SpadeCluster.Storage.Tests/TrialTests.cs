using System.Text;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Snapshots;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests;

/// <summary>Versions on trial, which never decide, in every durable store.</summary>
[Collection(StoresCollection.Name)]
public sealed class TrialTests(PostgresCluster postgres) : IDisposable
{
    private static readonly ScoringOptions Options = new() { GateNeighbours = 2, Alpha = 0.3 };
    private readonly Stores _stores = new(postgres);

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [Theory, MemberData(nameof(Media))]
    public async Task A_trial_with_all_its_changes_decides_nothing_until_it_is_published(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var service = await BuiltAsync(store);
        double[] before = await Stores.ScoresAsync(store, "bolt", 80, 81);

        var begun = await service.BeginTrialAsync("bolt", "batch 42");
        Assert.Equal((3, true, "begin a trial: batch 42"), (begun.Version, begun.Trial, begun.Reason));
        var added = (await service.AddAsync("bolt", Stores.Images(20, 21)))!;
        var retired = await service.RetireAsync("bolt", ["1.png"], "blurred");
        Assert.Equal((true, true, true), (added.Trial, retired.Trial, retired.Calibration is null));
        // Learned for the trial, with the settings of before.
        var tried = await service.CalibrateAgainAsync(retired, await service.ReadSettingsAsync("bolt"));
        Assert.Equal((6, true, 7, Options.Alpha), (tried.Version, tried.Trial, tried.Images.Count, tried.Calibration!.Options.Alpha));

        // Another process: the newest version is the one on trial, and another one decides, to the bit.
        var other = _stores.Open(medium, location);
        Assert.Equal(6, (await Service(other).GetAsync("bolt")).Version);
        Assert.Equal(2, (await Service(other).FindScoringVersionAsync("bolt"))!.Version);
        Assert.Equal(before, await Stores.ScoresAsync(other, "bolt", 80, 81));
        Assert.Equal(2, await new ScoringVersions(other).ChooseAsync("bolt", 6));
        Assert.Equal([false, false, true, true, true, true], (await service.HistoryAsync("bolt")).Select(v => v.Trial));
        Assert.Empty(await service.VerifyAsync("bolt"));

        // Compaction keeps the version that decides.
        Assert.Equal([1, 3, 4, 5], (await service.CompactAsync("bolt", new Retention(1))).Dropped);
        Assert.Equal(before, await Stores.ScoresAsync(_stores.Open(medium, location), "bolt", 80, 81));

        var published = await service.PublishTrialAsync("bolt", "tried for a week");
        Assert.Equal((7, false, "publish version 6: tried for a week"), (published.Version, published.Trial, published.Reason));
        Assert.Equal(tried.Calibration.Theta, published.Calibration!.Theta);
        Assert.Equal(7, await new ScoringVersions(other).ChooseAsync("bolt", 7));
        Assert.NotEqual(before, await Stores.ScoresAsync(store, "bolt", 80, 81));
        await Refused(() => service.PublishTrialAsync("bolt", "again").AsTask(), "no version of 'bolt' is on trial");
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_discarded_trial_stays_in_the_history_and_its_normals_can_be_restored(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store);
        double[] before = await Stores.ScoresAsync(store, "bolt", 80);
        await service.BeginTrialAsync("bolt", "x");
        await service.AddAsync("bolt", Stores.Images(20));
        var back = await service.DiscardTrialAsync("bolt", "no better");
        Assert.Equal((5, false, "roll back to version 2: no better"), (back.Version, back.Trial, back.Reason));
        Assert.Equal(before, await Stores.ScoresAsync(store, "bolt", 80));
        var restored = await service.RestoreAsync("bolt", ["20.png"], "good after all");
        Assert.Equal((7, false), (restored.Images.Count, restored.Trial));
        // A rollback to any version of a trial publishes it.
        Assert.False((await service.RollBackAsync("bolt", 4, "after all")).Trial);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Deleting_renaming_and_moving_keep_what_decides(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store);
        double[] before = await Stores.ScoresAsync(store, "bolt", 80);
        await service.BeginTrialAsync("bolt", "x");
        await service.CalibrateAsync("bolt", Options with { Theta = 1e9 });
        await service.DeleteAsync("bolt", "closed");
        Assert.Equal((6, false), ((await service.ListDeletedAsync()).Single().Images, (await store.ReadCurrentAsync("bolt"))!.Trial));
        // Nothing but the trial would be left to decide.
        Assert.False((await service.UndeleteAsync("bolt", "opened")).Trial);
        Assert.Equal(before, await Stores.ScoresAsync(store, "bolt", 80));

        await service.BeginTrialAsync("bolt", "x");
        Assert.True((await service.RenameAsync("bolt", "nut", "its name")).Trial);
        Assert.Equal(before, await Stores.ScoresAsync(store, "nut", 80));
        string file = Path.Combine(_stores.Folder, $"{medium}.tar");
        await Snapshot.ExportAsync(store, "nut", file);
        var elsewhere = _stores.New(medium);
        Assert.True((await Snapshot.ImportAsync(elsewhere, file)).Trial);
        Assert.Equal(before, await Stores.ScoresAsync(elsewhere, "nut", 80));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task What_cannot_be_tried_is_refused_in_one_sentence(Medium medium)
    {
        var store = _stores.New(medium);
        var service = Service(store);
        await service.AddAsync("bolt", Stores.Images(1, 2, 3, 4));
        await Refused(() => service.BeginTrialAsync("bolt", "x").AsTask(), "learn its thresholds first");
        await service.CalibrateAsync("bolt", Options);
        await Refused(() => service.BeginTrialAsync("bolt", " ").AsTask(), "a reason is needed", SpadeError.InvalidArgument);
        await Refused(() => service.BeginTrialAsync("nut", "x").AsTask(), "no category 'nut'", SpadeError.NotFound);
        await service.BeginTrialAsync("bolt", "x");
        await Refused(() => service.BeginTrialAsync("bolt", "x").AsTask(), "version 3 of 'bolt' is on trial already");
        await Refused(() => service.ReshardAsync("bolt", 2).AsTask(), "publish or discard the trial first");
        await Refused(() => service.DiscardTrialAsync("nut", "x").AsTask(), "no category 'nut'", SpadeError.NotFound);
    }

    /// <summary>Builds before this one refuse members that they do not know, so the mark is only in versions on trial.</summary>
    [Theory, MemberData(nameof(Media))]
    public async Task Only_a_version_on_trial_has_the_mark_in_its_manifest(Medium medium)
    {
        var store = _stores.New(medium);
        var service = await BuiltAsync(store);
        await service.BeginTrialAsync("bolt", "x");
        await service.DiscardTrialAsync("bolt", "x");
        var marked = new List<bool>();
        foreach (int version in await store.ListVersionsAsync("bolt"))
            marked.Add(Encoding.UTF8.GetString((await store.ReadManifestAsync("bolt", version, default))!)
                .Contains("\"trial\": true", StringComparison.Ordinal));
        Assert.Equal([false, false, true, false], marked);
    }

    private static GalleryService Service(GalleryStore store) => new(store, new SyntheticEngine(), "ann");

    /// <summary>Version 2, with thresholds, of 6 images.</summary>
    private static async Task<GalleryService> BuiltAsync(GalleryStore store)
    {
        var service = Service(store);
        await service.AddAsync("bolt", Stores.Images(1, 2, 3, 4, 5, 6));
        await service.CalibrateAsync("bolt", Options);
        return service;
    }

    private static async Task Refused(Func<Task> change, string sentence, SpadeError error = SpadeError.FailedPrecondition)
    {
        var refused = await Assert.ThrowsAsync<SpadeException>(change);
        Assert.Equal(error, refused.Error);
        Assert.Contains(sentence, refused.Message, StringComparison.Ordinal);
    }
}
