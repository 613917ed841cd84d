using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Galleries;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Categories;

/// <summary>The category's single writer: changes from any gateway queue, and all gateways learn of new versions.</summary>
[Collection("silos")]
public sealed class CategoryGrainTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly InMemoryGalleryStore _store = new();
    private TestSilos _silos = null!;

    public async Task InitializeAsync() =>
        _silos = await TestSilos.StartAsync(_store, [SiloRole.Gateway, SiloRole.Gateway, $"{SiloRole.Gallery},{SiloRole.Extractor}"]);

    public async Task DisposeAsync() => await _silos.DisposeAsync();

    [Fact]
    public async Task Additions_through_two_gateways_queue_and_both_are_there()
    {
        var normals = Photos.Normals(24);
        var first = new OneByOne();
        var slow = At(0).AddAsync("plate", first.Images(), null).AsTask();
        await first.GiveAsync(normals[0]);
        // The first addition is running and waits for its client; the second waits for its turn.
        var quick = At(1).AddAsync("plate", normals.Skip(12).ToList(), null).AsTask();
        foreach (var normal in normals.Take(12).Skip(1)) await first.GiveAsync(normal);
        Assert.False(quick.IsCompleted);
        first.End();
        Assert.Equal((1, 12), ((await slow)!.Version, (await slow)!.Images.Count));
        Assert.Equal((2, 24), ((await quick)!.Version, (await quick)!.Images.Count));
    }

    [Fact]
    public async Task A_repeated_addition_waits_for_its_dying_predecessor()
    {
        using var dying = new CancellationTokenSource();
        var images = new OneByOne();
        var first = At(0).AddAsync("plate", images.Images(), null, cancellationToken: dying.Token).AsTask();
        await images.GiveAsync(Photos.Normals(1)[0]);
        var again = At(1).AddAsync("plate", Photos.Normals(3), null).AsTask();
        await dying.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal((1, 3), ((await again)!.Version, (await again)!.Images.Count));
    }

    [Fact]
    public async Task A_writer_outside_the_cluster_is_waited_for_and_noticed()
    {
        Assert.Equal(4, (await At(0).AddAsync("plate", Photos.Normals(4)))!.Images.Count);
        var held = await _store.LockAsync("plate");
        var change = At(0).RetireAsync("plate", ["normal0.ppm"], "blurred").AsTask();
        var versions = _silos.Services(1).GetRequiredService<IVersionWatch>();
        Assert.Equal(1, await versions.WaitAsync("plate", null));
        await _store.PublishAsync((await _store.ReadCurrentAsync("plate"))! with { Version = 2 });
        Assert.Equal(2, await NextAsync(versions, 1));
        Assert.False(change.IsCompleted);
        held.Dispose();
        Assert.Equal((3, 3), ((await change).Version, (await change).Images.Count));
    }

    [Fact]
    public async Task Every_gateway_is_told_of_every_version_and_judges_by_it()
    {
        await At(0).AddAsync("plate", Photos.Normals(8));
        var watching = NextAsync(_silos.Services(1).GetRequiredService<IVersionWatch>(), 1);
        var scoring = Enumerable.Range(0, 2).Select(i => _silos.Services(i).GetRequiredService<IScoringService>()).ToArray();
        foreach (var s in scoring) Assert.Equal(1, (await s.ScoreAsync("plate", Photos.Mixed(1)[0])).Gallery.Version);
        await At(0).CalibrateAsync("plate", new ScoringOptions { Alpha = 0.2 });
        Assert.Equal(2, await watching);
        // At once on the silo that made the change, and a moment later on the notified ones.
        Assert.Equal(2, (await scoring[0].ScoreAsync("plate", Photos.Mixed(1)[0])).Gallery.Version);
        using var limit = new CancellationTokenSource(Patience);
        while ((await scoring[1].ScoreAsync("plate", Photos.Mixed(1)[0], limit.Token)).Gallery.Version != 2) { }
    }

    [Fact]
    public async Task Every_kind_of_change_goes_through_and_failures_come_back_as_they_are()
    {
        var outcomes = new List<AddOutcome>();
        IReadOnlyList<ImageSource> sources = [.. Photos.Normals(5), Photos.Source("bad.ppm", "bad"u8.ToArray()),
            new ImageSource("gone.ppm", _ => ValueTask.FromException<byte[]>(new SpadeException(SpadeError.NotFound, "gone"))),
            Photos.Normals(1)[0]];
        Assert.Equal(1, (await At(0).AddAsync("plate", sources, new Collect<AddOutcome>(outcomes)))!.Version);
        Assert.Equal([.. Enumerable.Repeat(AddStatus.Added, 5), AddStatus.Failed, AddStatus.Failed, AddStatus.Duplicate],
            outcomes.Select(o => o.Status));
        Assert.Equal(4, (await At(1).RetireAsync("plate", ["normal0.ppm"], "blurred")).Images.Count);
        Assert.Equal(5, (await At(0).RestoreAsync("plate", ["normal0.ppm"], "was fine")).Images.Count);
        var scored = new List<int>();
        var calibrated = await At(1)
            .CalibrateAsync("plate", new ScoringOptions { Alpha = 0.3, Levels = [0, 2], AuditShare = 0.5, GalleryNeighbours = 2 },
                new Collect<int>(scored));
        Assert.Equal((0.3, 0.5, 2),
            (calibrated.Calibration!.Options.Alpha, calibrated.Calibration.Options.AuditShare,
                calibrated.Calibration.Options.GalleryNeighbours));
        Assert.Equal([0, 2], calibrated.Calibration.Options.Levels);
        Assert.Equal(scored.Order(), scored);
        Assert.Equal((5, 4), await VersionAndCount(At(0).RollBackAsync("plate", 2, "test")));
        Assert.Equal(3, (await At(1).ReshardAsync("plate", 3)).Shards);
        var missing = await Assert.ThrowsAsync<SpadeException>(async () => await At(1).RetireAsync("plate", ["nowhere.ppm"], "gone"));
        Assert.Equal(SpadeError.NotFound, missing.Error);
        var none = await Assert.ThrowsAsync<SpadeException>(async () => await At(0).ReshardAsync("nothing", 2));
        Assert.Equal(SpadeError.NotFound, none.Error);
        Assert.Null(await At(0).AddAsync("nothing", [Photos.Source("bad.ppm", "bad"u8.ToArray())]));
    }

    [Fact]
    public async Task Every_gateway_learns_that_a_category_is_deleted_restored_and_renamed()
    {
        await At(0).AddAsync("plate", Photos.Normals(8));
        await At(0).CalibrateAsync("plate", new ScoringOptions { Alpha = 0.2 });
        var scoring = Enumerable.Range(0, 2).Select(i => _silos.Services(i).GetRequiredService<IScoringService>()).ToArray();
        foreach (var s in scoring) Assert.Equal(2, (await s.ScoreAsync("plate", Photos.Mixed(1)[0])).Gallery.Version);

        var deleted = await At(0).DeleteAsync("plate", "closed");
        Assert.Equal((8, "delete: closed"), (deleted.Images, deleted.Reason));
        // At once on the silo that made the change, and a moment later on the notified ones.
        Assert.Contains("can be restored until", (await RefusedAsync(scoring[0], "plate")).Message, StringComparison.Ordinal);
        await UntilRefusedAsync(scoring[1], "plate");
        Assert.Empty(await At(1).ListAsync());
        Assert.Equal([deleted], await At(1).ListDeletedAsync());
        Assert.Null(await At(1).AddAsync("plate", [Photos.Source("bad.ppm", "bad"u8.ToArray())]));

        Assert.Equal((4, 8), await VersionAndCount(At(1).UndeleteAsync("plate", "open")));
        foreach (var s in scoring) Assert.Equal(4, (await s.ScoreAsync("plate", Photos.Mixed(1)[0])).Gallery.Version);

        Assert.Equal("tray", (await At(1).RenameAsync("plate", "tray", "its name")).Category);
        Assert.Contains("renamed to 'tray'", (await RefusedAsync(scoring[1], "plate")).Message, StringComparison.Ordinal);
        await UntilRefusedAsync(scoring[0], "plate");
        foreach (var s in scoring) Assert.Equal(5, (await s.ScoreAsync("tray", Photos.Mixed(1)[0])).Gallery.Version);
        // The shards that were open under the old name do not keep its data.
        Assert.Single(await _store.ListVersionsAsync("plate"));
        // Numbers of a name never begin again: five are used, and 'tray' brings its five and one more.
        Assert.Equal(11, (await At(0).RenameAsync("tray", "plate", "back")).Version);

        static Task<SpadeException> RefusedAsync(IScoringService s, string category) =>
            Assert.ThrowsAsync<SpadeException>(async () => await s.ScoreAsync(category, Photos.Mixed(1)[0]));

        static async Task UntilRefusedAsync(IScoringService s, string category)
        {
            using var limit = new CancellationTokenSource(Patience);
            while (true)
            {
                try
                {
                    await s.ScoreAsync(category, Photos.Mixed(1)[0], limit.Token);
                }
                catch (SpadeException e)
                {
                    Assert.Equal(SpadeError.NotFound, e.Error);
                    return;
                }
            }
        }
    }

    [Fact]
    public async Task A_gateway_removes_the_data_of_a_deleted_category_when_its_time_is_over_though_a_shard_is_open()
    {
        await At(0).AddAsync("plate", Photos.Normals(4));
        await _silos.Services(0).GetRequiredService<IScoringService>().ScoreAsync("plate", Photos.Mixed(1)[0]);
        await At(0).DeleteAsync("plate", "closed");
        var sweep = _silos.Services(1).GetServices<IHostedService>().OfType<DeletionSweep>().Single();
        await sweep.SweepAsync(default);
        Assert.Equal([1, 2], await _store.ListVersionsAsync("plate"));
        var deleted = (await _store.ReadCurrentAsync("plate"))!;
        await _store.PublishAsync(deleted with { Version = 3, Deletion = new Deletion(DateTimeOffset.UtcNow) });
        await sweep.SweepAsync(default);
        Assert.Equal([3], await _store.ListVersionsAsync("plate"));
    }

    [Fact]
    public async Task A_change_that_nobody_follows_is_given_up()
    {
        var grain = _silos.Gateway.GetRequiredService<IGrainFactory>().GetGrain<ICategoryGrain>("plate");
        await grain.BeginAsync(Guid.NewGuid(), new AddImages(), "test");
        // It has the turn and never gets an image; the next writer gets the turn when it has expired.
        Assert.Equal(3, (await At(1).AddAsync("plate", Photos.Normals(3)))!.Images.Count);
        var lost = await Assert.ThrowsAsync<SpadeException>(() =>
            grain.FollowAsync(Guid.NewGuid(), new ChangeProgress(ChangeState.Waiting, 0, 0), default));
        Assert.Equal(SpadeError.Unavailable, lost.Error);
    }

    private IGalleryService At(int silo) => _silos.Services(silo).GetRequiredService<IGalleryServices>().For("test");

    private static async Task<(int, int)> VersionAndCount(ValueTask<GalleryManifest> change) =>
        ((await change).Version, (await change).Images.Count);

    private static async Task<int> NextAsync(IVersionWatch versions, int seen)
    {
        using var limit = new CancellationTokenSource(Patience);
        int version;
        while ((version = await versions.WaitAsync("plate", seen, limit.Token)) == seen) { }
        return version;
    }

    private sealed class Collect<T>(List<T> into) : IProgress<T>
    {
        public void Report(T value) => into.Add(value);
    }

    /// <summary>A client that sends images on the test's command; sending one returns when the next is requested.</summary>
    private sealed class OneByOne
    {
        private readonly Channel<ImageSource> _images = Channel.CreateUnbounded<ImageSource>();
        private readonly SemaphoreSlim _asked = new(0);
        private bool _first = true;

        public async Task GiveAsync(ImageSource image)
        {
            if (_first) Assert.True(await _asked.WaitAsync(Patience), "the addition should begin");
            _first = false;
            await _images.Writer.WriteAsync(image);
            Assert.True(await _asked.WaitAsync(Patience), "the image should have been added");
        }

        public void End() => _images.Writer.Complete();

        public async IAsyncEnumerable<ImageSource> Images([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            while (true)
            {
                _asked.Release();
                if (!await _images.Reader.WaitToReadAsync(cancellationToken)) yield break;
                yield return await _images.Reader.ReadAsync(cancellationToken);
            }
        }
    }
}
