using System.Text.Json;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Galleries;

namespace SpadeCluster.Server.Tests;

public sealed class ResumeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-resume-").FullName;
    private readonly TestEngines _engines = new();

    /// <summary>The store as a server leaves it that is killed between a change and the thresholds after it.</summary>
    [Fact]
    public async Task Thresholds_that_a_killed_server_did_not_learn_are_learned_by_the_next()
    {
        var store = new InMemoryGalleryStore();
        GalleryService Galleries(string author) => new(store, _engines, author, 1);
        foreach (string category in new[] { "changed", "never" })
            await Galleries("ann").AddAsync(category,
                (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 4).Select(i => new ImageSource($"good-{i}.png", Part.Good(i)))]);
        await Galleries("ann").CalibrateAsync("changed", ScoringOptions.DefaultFor(4) with { Alpha = 0.3 });
        await Galleries("ben").RetireAsync("changed", ["good-0.png"], "blurred");

        await using var app = TestServer.Create(new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder }, store, _engines);
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        // Continues as fast as answers arrive.
        while (!(await ApiTests.Json(await client.GetAsync("/v1/galleries/changed", limit.Token))).GetProperty("details")
            .GetProperty("gallery").GetProperty("calibrated").GetBoolean())
        { }
        var current = await Galleries("test").GetAsync("changed");
        Assert.Equal((4, 0.3, "ben"), (current.Version, current.Calibration!.Options.Alpha, current.CreatedBy));
        // A category that never had thresholds is not calibrated.
        Assert.Null((await Galleries("test").GetAsync("never")).Calibration);
    }

    [Fact]
    public async Task Where_another_server_was_faster_nothing_is_wrong()
    {
        var store = new InMemoryGalleryStore();
        GalleryService Galleries(string author) => new(store, _engines, author, 1);
        await Galleries("ann").AddAsync("c",
            (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 4).Select(i => new ImageSource($"good-{i}.png", Part.Good(i)))]);
        await Galleries("ann").CalibrateAsync("c", ScoringOptions.DefaultFor(4) with { Alpha = 0.3 });
        await Galleries("ben").RetireAsync("c", ["good-0.png"], "blurred");

        await using var app = TestServer.Create(new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder }, store, _engines);
        var current = (await store.ReadCurrentAsync("c"))!;
        RecalibrationState? Calibrating() => app.Service<Recalibration>().State(current);
        // The other server is calibrating while this one starts.
        using (await store.LockAsync("c"))
        {
            await app.StartAsync();
            RecalibrationState? state;
            while ((state = Calibrating()) is null) await Task.Yield();
            Assert.Null(state.Problem);
            var changed = (await store.ReadCurrentAsync("c"))!;
            await store.PublishAsync(changed with
            {
                Version = changed.Version + 1,
                Calibration = (await store.ReadVersionAsync("c", 2)).Calibration
            });
        }
        // It waited for its turn and reported no problem.
        while (Calibrating() is not null) await Task.Yield();
        Assert.NotNull((await Galleries("test").GetAsync("c")).Calibration);
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
