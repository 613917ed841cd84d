using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Tests;

public sealed class FeedbackResumeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-feedback-").FullName;
    private readonly TestEngines _engines = new();

    /// <summary>Store and log as a server leaves them that is killed while it learns thresholds with an operator's photograph.</summary>
    [Fact]
    public async Task A_photograph_that_a_killed_server_did_not_check_to_the_end_is_taken_out_and_checked_again()
    {
        var store = new InMemoryGalleryStore();
        GalleryService Galleries(string author) => new(store, _engines, author, 1);
        await Galleries("ann").AddAsync("c",
            (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 8).Select(i => new ImageSource($"good-{i}.png", Part.Good(i)))]);
        var before = await Galleries("ann").CalibrateAsync("c", ScoringOptions.Default);
        var options = new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder };
        long decision;
        await using (var first = TestServer.Create(options, store, _engines))
        {
            await first.StartAsync();
            using var client = new HttpClient { BaseAddress = new Uri(first.Urls.Single()) };
            decision = (await ApiTests.Json(await client.PostAsync("/v1/score?category=c", ServerFixture.Image(Part.Noise(1)))))
                .GetProperty("id").GetInt64();
            await first.Service<FeedbackLog>()
                .InsertAsync(new Feedback(0, decision, DateTimeOffset.UnixEpoch, "operator", FeedbackKind.Good,
                "", null, null, null, FeedbackStatus.Checking));
            await first.StopAsync();
        }
        await Galleries("operator").AddAsync("c", (IReadOnlyList<ImageSource>)[new ImageSource("noise.png", Part.Noise(1))]);

        await using var next = TestServer.Create(options, store, _engines);
        await next.StartAsync();
        var feedbacks = next.Service<FeedbackLog>();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (feedbacks.Of(decision).Single().Status == FeedbackStatus.Checking)
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        Assert.Equal(FeedbackStatus.Waiting, feedbacks.Of(decision).Single().Status);
        var after = await Galleries("test").GetAsync("c");
        Assert.Equal((before.Calibration!.Theta, before.Calibration.Tau), (after.Calibration!.Theta, after.Calibration.Tau));
        Assert.Equal(before.Images, after.Images);
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
