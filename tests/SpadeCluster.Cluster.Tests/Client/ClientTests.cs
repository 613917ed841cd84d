using System.Threading.Channels;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Client;

/// <summary>The typed client over real gateways in this process: what it does when images, gateways or time are missing.</summary>
public sealed class ClientTests : IAsyncLifetime
{
    private static readonly ImageSource Missing =
        new("gone.png", _ => throw new SpadeException(SpadeError.NotFound, "gone.png: no such file"));
    private static readonly ImageSource Broken = new("bug.png", _ => throw new InvalidOperationException("a bug of the caller's"));

    private readonly InMemoryGalleryStore _store = new();
    private readonly FakeExtractor _extractor = new();
    private FakeEngines _engines = null!;
    private TestGateway _gateway = null!;

    public async Task InitializeAsync()
    {
        _engines = new FakeEngines(_extractor);
        await new GalleryService(_store, _engines, "test").AddAsync("plate", Photos.Normals(6));
        _gateway = await TestGateway.StartStandaloneAsync(_store, _engines);
    }

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    public async Task A_source_that_cannot_be_read_is_that_images_error()
    {
        var photos = Photos.Mixed(3);
        var scores = await AllAsync(_gateway.Client.ScoreStreamAsync("plate",
            [Missing, photos[0], Missing, photos[1], photos[2], Missing]));
        Assert.Equal([0, 1, 2, 3, 4, 5], scores.Select(s => s.Index));
        Assert.Equal([SpadeError.NotFound, null, SpadeError.NotFound, null, null, SpadeError.NotFound], scores.Select(s => s.Error?.Error));
        Assert.Equal(photos[1].Name, scores[3].Score!.File);
        Assert.Equal(2, (await AllAsync(_gateway.Client.ScoreStreamAsync("plate", [Missing, Missing]))).Count(s => s.Error is not null));
    }

    [Fact]
    public async Task Another_fault_of_a_source_ends_the_stream_as_what_it_is()
    {
        var photos = Photos.Mixed(2);
        var scores = new List<RemoteScore>();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (var score in _gateway.Client.ScoreStreamAsync("plate", [photos[0], Broken, photos[1]])) scores.Add(score);
        });
        Assert.Contains("caller's", e.Message);
        Assert.NotNull(Assert.Single(scores).Score);
        e = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            _gateway.Client.AddNormalsAsync("new", [Photos.Normals(1)[0], Broken], "eve"));
        Assert.Contains("caller's", e.Message);
    }

    [Fact]
    public async Task A_normal_that_cannot_be_read_has_failed_and_the_rest_goes_on()
    {
        var outcomes = new List<AddOutcome>();
        var normals = Photos.Normals(2);
        var gallery = await _gateway.Client.AddNormalsAsync("new", [Missing, normals[0], Missing, normals[1], Missing], "eve",
            new Collect(outcomes));
        Assert.Equal(2, gallery!.ImageCount);
        Assert.Equal([AddStatus.Failed, AddStatus.Added, AddStatus.Failed, AddStatus.Added, AddStatus.Failed],
            outcomes.Select(o => o.Status));
        Assert.Contains("no such file", outcomes[2].Problem);
        Assert.Equal(1, (await _gateway.Client.AddNormalsAsync("new", [Missing], "eve", new Collect(outcomes)))!.Version);
        Assert.Null(await _gateway.Client.AddNormalsAsync("nothing", [Missing], "eve", new Collect(outcomes)));
        Assert.Equal(7, outcomes.Count);
    }

    [Fact]
    public async Task A_camera_streams_as_it_shoots()
    {
        var camera = Channel.CreateUnbounded<ImageSource>();
        await using var scores = _gateway.Client.ScoreStreamAsync("plate", camera.Reader.ReadAllAsync()).GetAsyncEnumerator();
        foreach (var photo in Photos.Mixed(5))
        {
            // The next image is read only when this one is answered.
            camera.Writer.TryWrite(photo);
            Assert.True(await scores.MoveNextAsync());
            Assert.Equal(photo.Name, scores.Current.Score!.File);
        }
        camera.Writer.Complete();
        Assert.False(await scores.MoveNextAsync());
    }

    [Fact]
    public async Task A_stream_goes_on_at_another_gateway()
    {
        var second = await TestGateway.StartStandaloneAsync(_store, _engines);
        using var client = Client(o => { }, _gateway.Address, second.Address);
        var camera = Channel.CreateUnbounded<ImageSource>();
        await using var scores = client.ScoreStreamAsync("plate", camera.Reader.ReadAllAsync()).GetAsyncEnumerator();
        var photos = Photos.Mixed(6);
        for (int i = 0; i < photos.Count; i++)
        {
            camera.Writer.TryWrite(photos[i]);
            Assert.True(await scores.MoveNextAsync());
            Assert.Equal((i, photos[i].Name), (scores.Current.Index, scores.Current.Score?.File));
            if (i == 2) await _gateway.DisposeAsync();
        }
        _gateway = second;
    }

    [Fact]
    public async Task Cancelling_throws_what_cancelling_throws()
    {
        using var stop = new CancellationTokenSource();
        await using var versions = _gateway.Client.WatchVersionAsync("plate", stop.Token).GetAsyncEnumerator();
        Assert.True(await versions.MoveNextAsync());
        var next = versions.MoveNextAsync();
        var (reached, hold) = (new TaskCompletionSource(), new TaskCompletionSource());
        _extractor.Gate = () =>
        {
            reached.TrySetResult();
            return hold.Task;
        };
        var scoring = AllAsync(_gateway.Client.ScoreStreamAsync("plate", Photos.Mixed(2), stop.Token));
        var adding = _gateway.Client.AddNormalsAsync("new", Photos.Normals(2), "eve", cancellationToken: stop.Token);
        await reached.Task;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => scoring);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => adding);
        hold.SetResult();
    }

    [Fact]
    public async Task A_watch_of_nothing_is_not_found()
    {
        var e = await Assert.ThrowsAsync<SpadeException>(async () =>
            { await foreach (int _ in _gateway.Client.WatchVersionAsync("nowhere")) { } });
        Assert.Equal(SpadeError.NotFound, e.Error);
    }

    [Fact]
    public async Task Every_call_goes_on_at_the_second_gateway_when_the_first_is_gone()
    {
        var gone = await TestGateway.StartStandaloneAsync(_store, _engines);
        await gone.DisposeAsync();
        SpadeClient New() => Client(o => { }, gone.Address, _gateway.Address);
        using (var client = New()) Assert.NotNull((await client.CalibrateAsync("plate", null, "eve")).Calibration);
        using (var client = New()) Assert.NotNull((await client.AddNormalsAsync("new", Photos.Normals(2), "eve")));
        using (var client = New())
            Assert.Equal(2, (await AllAsync(client.ScoreStreamAsync("plate", Photos.Mixed(2)))).Count(s => s.Score is not null));
    }

    [Fact]
    public async Task A_deadline_that_passes_is_named()
    {
        var hold = new TaskCompletionSource();
        _extractor.Gate = () => hold.Task;
        using var client = Client(o => o.Deadline = TimeSpan.FromMilliseconds(300), _gateway.Address);
        Func<Task>[] calls = [() => client.ScoreAsync("plate", Photos.Mixed(1)[0]), () =>
            client.AddNormalsAsync("new", Photos.Normals(1), "eve"), () => AllAsync(client.ScoreStreamAsync("plate", Photos.Mixed(1)))];
        foreach (var call in calls)
        {
            var e = await Assert.ThrowsAsync<SpadeException>(call);
            Assert.Equal(SpadeError.Unavailable, e.Error);
            Assert.Contains("did not answer within the deadline of 0.3 s (SpadeClientOptions.Deadline)", e.Message);
        }
        hold.SetResult();
    }

    private static SpadeClient Client(Action<SpadeClientOptions> configure, params string[] addresses)
    {
        var options = new SpadeClientOptions();
        foreach (string address in addresses) options.Addresses.Add(new Uri(address));
        configure(options);
        return new SpadeClient(options);
    }

    private static async Task<List<RemoteScore>> AllAsync(IAsyncEnumerable<RemoteScore> scores)
    {
        var all = new List<RemoteScore>();
        await foreach (var score in scores) all.Add(score);
        return all;
    }

    private sealed class Collect(List<AddOutcome> outcomes) : IProgress<AddOutcome>
    {
        public void Report(AddOutcome value) => outcomes.Add(value);
    }
}
