using System.Net.Http.Json;
using Grpc.Net.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Galleries;

namespace SpadeCluster.Server.Tests.Galleries;

public sealed class CalibrationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-calibration-").FullName;
    private readonly TestEngines _engines = new();

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_calibration_that_is_given_up_does_not_end_the_one_in_the_background(bool grpc)
    {
        var store = new InMemoryGalleryStore();
        GalleryService Galleries(string author) => new(store, _engines, author, 1);
        await Galleries("ann").AddAsync("c",
            (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 4).Select(i => new ImageSource($"good-{i}.png", Part.Good(i)))]);
        await Galleries("ann").CalibrateAsync("c", ScoringOptions.DefaultFor(4) with { Alpha = 0.3 });
        await Galleries("ben").RetireAsync("c", ["good-0.png"], "blurred");
        var options = new ServerOptions { Urls = ["http://127.0.0.1:0"], GrpcUrls = ["http://127.0.0.1:0"], DataFolder = _folder };
        await using var app = TestServer.Create(options, store, _engines);
        var current = (await store.ReadCurrentAsync("c"))!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        // Calibrations wait for the writer's lock.
        using (await store.LockAsync("c"))
        {
            await app.StartAsync();
            await WhenAsync(running: true);
            using var givenUp = new CancellationTokenSource();
            var asked = grpc ? CalibrateByGrpcAsync(app.Urls.Last(), givenUp.Token) : CalibrateAsync(app.Urls.First(), givenUp.Token);
            await WhenAsync(running: false);
            await givenUp.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => asked);
            await WhenAsync(running: true);
        }
        await WhenAsync(running: false);
        Assert.Equal(0.3, (await Galleries("test").GetAsync("c")).Calibration?.Options.Alpha);

        async Task WhenAsync(bool running)
        {
            while (app.Service<Recalibration>().State(current) is null == running)
            {
                limit.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task CalibrateAsync(string address, CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = new Uri(address) };
        await client.PostAsJsonAsync("/v1/galleries/c/calibrate", new { alpha = 0.2 }, cancellationToken);
    }

    private static async Task CalibrateByGrpcAsync(string address, CancellationToken cancellationToken)
    {
        using var channel = GrpcChannel.ForAddress(address);
        var request = new Spade.V1.CalibrateRequest { Category = "c", Options = new() { Alpha = 0.2 } };
        using var call = new Spade.V1.Galleries.GalleriesClient(channel).Calibrate(request, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken)) { }
    }
}
