using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cluster;
using SpadeCluster.Cluster.Shards;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Tests;

/// <summary>Three categories on a server with room for two.</summary>
public sealed class GalleryMemoryTests : IDisposable
{
    private static readonly string[] Categories = ["a", "b", "c"];

    private readonly string _folder = Directory.CreateTempSubdirectory("spade-memory-").FullName;
    private readonly TestEngines _engines = new();
    private readonly InMemoryGalleryStore _store = new();

    private GalleryService Galleries(string author) => new(_store, _engines, author, 1);

    private async Task<long> BuildAsync()
    {
        foreach (var (category, c) in Categories.Select((name, i) => (name, i)))
        {
            await Galleries("ann").AddAsync(category,
                (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 4)
                    .Select(i => new ImageSource($"good-{i}.png", Part.Good(10 * c + i)))]);
            await Galleries("ann").CalibrateAsync(category, ScoringOptions.DefaultFor(4) with { Alpha = 0.3 });
        }
        return GalleryShard.MemoryFor((await _store.ReadCurrentAsync("a"))!, 4, long.MaxValue, long.MaxValue);
    }

    /// <summary>The answers, one photograph a category, on a server with so much memory; and the memory that it reports.</summary>
    private async Task RunAsync(long memory, Func<HttpClient, ShardCache, Task> use)
    {
        await using var app = TestServer.Create(new ServerOptions { Urls = ["http://127.0.0.1:0"], DataFolder = _folder }, _store, _engines,
            s => s.Configure<GalleryOptions>(o => o.Memory = memory));
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        await use(client, app.Service<ShardCache>());
        await app.StopAsync();
    }

    private static async Task<string> ScoreAsync(HttpClient client, string category)
    {
        var answer = await client.PostAsync($"/v1/score?category={category}", ServerFixture.Image(Part.Defective(7)));
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        var score = JsonDocument.Parse(text).RootElement.GetProperty("score");
        return string.Join(' ', new[] { "raw_score", "map_max", "gate_distance", "pred_score", "pred_label", "theta" }.Select(n =>
            score.GetProperty(n).GetRawText()));
    }

    [Fact]
    public async Task Three_categories_with_room_for_two_answer_as_ever_and_the_least_recently_used_is_closed()
    {
        long one = await BuildAsync();
        var expected = new Dictionary<string, string>();
        await RunAsync(10 * one, async (client, open) =>
        {
            foreach (string category in Categories) expected[category] = await ScoreAsync(client, category);
            Assert.Equal((3, 3 * one), (open.State.Categories, open.State.Bytes));
        });
        Assert.Equal(3, expected.Values.Distinct().Count());

        long memory = 2 * one + one / 2;
        await RunAsync(memory, async (client, open) =>
        {
            foreach (string order in new[] { "ab", "ac", "b", "bb", "ca" })
            {
                foreach (string category in order.Select(c => $"{c}")) Assert.Equal(expected[category], await ScoreAsync(client, category));
                string[] stay = order switch { "ab" => ["a", "b"], "ac" => ["a", "c"], "b" or "bb" => ["b", "c"], _ => ["a", "c"] };
                Assert.Equal(stay, Categories.Where(category => open.Holds(category)));
                var state = await client.GetFromJsonAsync<JsonElement>("/v1/state");
                Assert.Equal((2, 2 * one),
                    (state.GetProperty("galleries_open").GetInt32(), state.GetProperty("gallery_memory").GetInt64()));
            }
            Assert.Contains("galleries open", await client.GetStringAsync("/system"), StringComparison.Ordinal);

            // Many at once, while another gallery's thresholds are learned in the remaining memory.
            var calibrating = client.PostAsJsonAsync("/v1/galleries/a/calibrate", new { alpha = 0.25 });
            var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
            {
                string category = Categories[1 + i % 2];
                bool right = expected[category] == await ScoreAsync(client, category);
                return right && open.State.Bytes <= memory;
            }));
            Assert.All(answers, Assert.True);
            Assert.Equal(HttpStatusCode.OK, (await calibrating).StatusCode);
            Assert.InRange(open.State.Bytes, one, memory);
        });

        // A gallery larger than the whole memory is refused with a sentence.
        await RunAsync(one / 10, async (client, open) =>
        {
            var refused = await client.PostAsync("/v1/score?category=b", ServerFixture.Image(Part.Good(7)));
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains("allow more", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.Equal(0, open.State.Bytes);
        });
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
