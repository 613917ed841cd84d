using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Admission;
using System.Net;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Tests;

public sealed class OverloadTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-overload-").FullName;

    [Fact]
    public async Task One_more_than_fits_is_told_to_come_back_and_the_rest_is_served()
    {
        using var engines = new TestEngines();
        var engine = new HeldEngine();
        var options = new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder };
        await using var app = TestServer.Create(options, new InMemoryGalleryStore(), engines, s =>
        {
            s.Configure<AdmissionOptions>(o => (o.Slots, o.MaxRequests) = (1, 3));
            s.AddSingleton<IScoringService>(engine);
        });
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        Task<HttpResponseMessage> Send() => client.PostAsync("/v1/score?category=a", ServerFixture.Image([1]));

        var held = new List<Task<HttpResponseMessage>> { Send() };
        await engine.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30));
        // When a fourth is refused, one is in progress and two wait, in any order.
        for (int i = 0; i < 3; i++) held.Add(Send());
        var refused = await Task.WhenAny(held.Skip(1)).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(HttpStatusCode.TooManyRequests, (await refused).StatusCode);
        Assert.Equal(1, (await refused).Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        engine.Release.SetResult();
        var answers = await Task.WhenAll(held);
        // The engine refuses the image when it is released: 400 shows that the engine was reached.
        Assert.Equal(3, answers.Count(a => a.StatusCode == HttpStatusCode.BadRequest));
        Assert.Equal(HttpStatusCode.BadRequest, (await Send()).StatusCode);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class HeldEngine : IScoringService
    {
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        {
            Entered.TrySetResult();
            await Release.Task;
            throw new SpadeException(SpadeError.InvalidArgument, "not a photograph");
        }
    }
}
