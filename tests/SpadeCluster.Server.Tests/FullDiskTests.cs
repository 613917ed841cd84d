using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

public sealed class FullDiskTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-full-").FullName;
    private readonly TestEngines _engines = new();
    private readonly InMemoryGalleryStore _store = new();
    private WebApplication _app = null!;
    private HttpClient _client = null!;

    public async Task InitializeAsync()
    {
        var galleries = new GalleryService(_store, _engines, "ann", 1);
        await galleries.AddAsync("c",
            (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 4).Select(i => new ImageSource($"good-{i}.png", Part.Good(i)))]);
        await galleries.CalibrateAsync("c", ScoringOptions.DefaultFor(4));
        var options = new ServerOptions { Urls = ["http://127.0.0.1:0"], GrpcUrls = ["http://127.0.0.1:0"], DataFolder = _folder };
        _app = TestServer.Create(options, FullStore.Over(_store), _engines);
        await _app.StartAsync();
        _client = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task No_photograph_is_refused_for_a_full_disk_and_clients_know_that_they_may_wait()
    {
        using var channel = GrpcChannel.ForAddress(_app.Urls.Last());
        var scoring = new Spade.V1.Scoring.ScoringClient(channel);
        var request = new Spade.V1.ScoreRequest
        {
            Category = "c",
            Image = new() { Format = Spade.V1.PixelFormat.Encoded, Name = "part.png", Data = ByteString.CopyFrom(Part.Good(9)) }
        };
        await FillAsync();
        Assert.Equal(StatusCode.Unavailable,
            (await Assert.ThrowsAsync<RpcException>(() => scoring.ScoreAsync(request).ResponseAsync)).StatusCode);
        await FillAsync();
        var answer = await _client.PostAsync("/v1/score?category=c", ServerFixture.Image(Part.Good(9)));
        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
        await FillAsync();
        // The output 'error' is for photographs that cannot be scored.
        answer = await _client.PostAsJsonAsync("/v2/models/c/infer", new
        {
            inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { 1 },
                data = new[] { Convert.ToBase64String(Part.Good(9)) } } },
            outputs = new[] { new { name = "verdict" }, new { name = "error" } }
        });
        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
        Assert.Equal("[]", await _client.GetStringAsync("/v1/results"));

        SqliteConnection.ClearAllPools();
        Assert.Equal("c", (await scoring.ScoreAsync(request)).Result.Category);
    }

    [Fact]
    public async Task Normals_that_the_galleries_disk_has_no_room_for_are_not_called_too_large()
    {
        var answer = await _client.PostAsync("/v1/galleries/c/images", ServerFixture.Image(Part.Good(9)));
        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
        // A category is copied under its new name.
        answer = await _client.PostAsJsonAsync("/v1/galleries/c/rename", new { name = "d", reason = "clearer" });
        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
    }

    /// <summary>The next write that needs more pages fails as on a full disk, and its connection is closed.</summary>
    private Task FillAsync() => _app.Service<ServerDatabase>().WriteAsync(c => c.Execute("PRAGMA max_page_count = 1"));

    /// <summary>A gallery store without free space.</summary>
    public class FullStore : DispatchProxy
    {
        private IGalleryStore _store = null!;

        public static IGalleryStore Over(IGalleryStore store)
        {
            var proxy = Create<IGalleryStore, FullStore>();
            ((FullStore)(object)proxy)._store = store;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
            => targetMethod!.Name switch
            {
                "get_" + nameof(IGalleryStore.FreeBytes) => 0L,
                nameof(IGalleryStore.WriteImageAsync) =>
                    throw new SpadeException(SpadeError.ResourceExhausted, "the disk is full") { StorageFull = true },
                _ => targetMethod.Invoke(_store, BindingFlags.DoNotWrapExceptions, null, args, null),
            };
    }
}
