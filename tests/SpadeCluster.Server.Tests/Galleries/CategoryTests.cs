using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Client;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Tests.Galleries;

/// <summary>Categories that are deleted, restored, renamed and imported over HTTP and gRPC.</summary>
public sealed class CategoryTests(ServerFixture server) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task A_deleted_category_is_refused_until_it_is_restored()
    {
        using var client = server.Client(server.Engineer);
        await CreateAsync(client, "short", 4);
        Assert.Equal(HttpStatusCode.OK, (await ScoreAsync(client, "short")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await client.DeleteAsync("/v1/galleries/short")).StatusCode);
        var deleted = await ReadAsync(await client.DeleteAsync("/v1/galleries/short?reason=line%204%20is%20closed"));
        Assert.Equal(4, deleted.GetProperty("images").GetInt32());
        var kept = deleted.GetProperty("until").GetDateTimeOffset() - deleted.GetProperty("deleted_at").GetDateTimeOffset();
        Assert.InRange(kept.TotalDays, 6.99, 7.01);

        var (status, detail) = await ScoreAsync(client, "short");
        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Contains("can be restored until", detail, StringComparison.Ordinal);
        foreach (string address in new[] { "", "/history", "/snapshot" })
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/v1/galleries/short{address}")).StatusCode);
        Assert.DoesNotContain("short", await client.GetStringAsync("/v1/galleries"), StringComparison.Ordinal);
        Assert.Contains("short", await client.GetStringAsync("/v1/deleted-galleries"), StringComparison.Ordinal);
        using var scoped = server.Client(server.Scoped);
        Assert.DoesNotContain("short", await scoped.GetStringAsync("/v1/deleted-galleries"), StringComparison.Ordinal);

        var restored = await ReadAsync(await client.PostAsJsonAsync("/v1/galleries/short/undelete", new { reason = "open again" }));
        Assert.Equal(("undelete: open again", true),
            (restored.GetProperty("reason").GetString(), restored.GetProperty("calibrated").GetBoolean()));
        Assert.Equal(HttpStatusCode.OK, (await ScoreAsync(client, "short")).Status);
        Assert.Equal(HttpStatusCode.Conflict,
            (await client.PostAsJsonAsync("/v1/galleries/short/undelete", new { reason = "twice" })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound,
            (await client.PostAsJsonAsync("/v1/galleries/never/undelete", new { reason = "x" })).StatusCode);
        var audit = JsonDocument.Parse(await client.GetStringAsync("/v1/audit")).RootElement.EnumerateArray()
            .Where(e => e.GetProperty("subject").GetString() == "short").Select(e => e.GetProperty("action").GetString()).ToList();
        Assert.Equal(["delete", "undelete"], audit.Where(a => a!.EndsWith("delete", StringComparison.Ordinal)).Order());
        // What was decided stays.
        Assert.Contains("short", await client.GetStringAsync("/v1/results?category=short"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_name_needs_a_key_for_both_names()
    {
        using var client = server.Client(server.Engineer);
        using var scoped = server.Client(server.Scoped);
        await CreateAsync(client, "before", 3);
        Assert.Equal(HttpStatusCode.Forbidden, (await RenameAsync(scoped, "other", "mine")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await RenameAsync(scoped, "before", "other")).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await RenameAsync(client, "before", "discs")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await RenameAsync(client, "before", "no/name")).StatusCode);

        var renamed = await ReadAsync(await RenameAsync(client, "before", "after"));
        Assert.Equal(("after", 3, "rename from before: x"), (renamed.GetProperty("category").GetString(),
            renamed.GetProperty("images").GetInt32(), renamed.GetProperty("reason").GetString()));
        Assert.StartsWith("engineer (", renamed.GetProperty("created_by").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await ScoreAsync(client, "after")).Status);
        Assert.Equal(new Scored(HttpStatusCode.NotFound, "category 'before' has been renamed to 'after': use that name", null),
            await ScoreAsync(client, "before"));
    }

    [Fact]
    public async Task A_snapshot_is_imported_as_a_whole_by_whoever_the_key_says()
    {
        using var client = server.Client(server.Engineer);
        await CreateAsync(client, "kept", 3);
        // The file of an earlier version goes, that of a category whose name begins alike stays.
        string folder = Directory.CreateDirectory(Path.Combine(server.Folder, "data", "snapshots")).FullName;
        foreach (string name in new[] { "kept-0.tar", "kept-m8-0.tar" }) await File.WriteAllBytesAsync(Path.Combine(folder, name), [1]);
        byte[] snapshot = await client.GetByteArrayAsync("/v1/galleries/kept/snapshot");
        Assert.False(File.Exists(Path.Combine(folder, "kept-0.tar")));
        Assert.True(File.Exists(Path.Combine(folder, "kept-m8-0.tar")));
        Assert.Equal(HttpStatusCode.Conflict, (await PutAsync("kept", snapshot)).StatusCode);
        await ReadAsync(await RenameAsync(client, "kept", "moved"));
        var wrong = await PutAsync("elsewhere", snapshot);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("the snapshot has category 'kept'", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        byte[] damaged = [.. snapshot];
        damaged[^(damaged.Length / 2)] ^= 1;
        foreach (byte[] bad in new[] { damaged, snapshot[..(snapshot.Length / 2)], [1, 2, 3], [] })
        {
            var refused = await PutAsync("kept", bad);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.DoesNotContain(server.Folder, await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/v1/galleries/kept")).StatusCode);

        var imported = await ReadAsync(await PutAsync("kept", snapshot));
        Assert.Equal((3, true, "import a snapshot"), (imported.GetProperty("images").GetInt32(),
            imported.GetProperty("calibrated").GetBoolean(), imported.GetProperty("reason").GetString()));
        Assert.StartsWith("engineer (", imported.GetProperty("created_by").GetString(), StringComparison.Ordinal);
        Assert.Equal(await ScoreAsync(client, "moved"), await ScoreAsync(client, "kept"));
        Assert.Empty(Directory.EnumerateFiles(folder, "*.part"));

        Task<HttpResponseMessage> PutAsync(string category, byte[] file) =>
            client.PutAsync($"/v1/galleries/{category}/snapshot", ServerFixture.Image(file, "application/x-tar"));
    }

    [Fact]
    public async Task The_client_deletes_restores_and_renames()
    {
        using var http = server.Client(server.Engineer);
        await CreateAsync(http, "remote", 3);
        var options = SpadeClientOptions.For([new Uri(server.GrpcAddress).Authority]);
        options.Headers["authorization"] = $"Bearer {server.Engineer}";
        using var client = new SpadeClient(options);
        var deleted = await client.DeleteGalleryAsync("remote", "x");
        Assert.Equal(("remote", 3), (deleted.Category, deleted.Images));
        Assert.Contains(deleted, await client.ListDeletedGalleriesAsync());
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(() => client.GetGalleryAsync("remote"))).Error);
        Assert.Equal(3, (await client.UndeleteGalleryAsync("remote", "x")).ImageCount);
        Assert.Equal("named", (await client.RenameGalleryAsync("remote", "named", "x")).Category);
        Assert.Contains("named", await client.ListGalleriesAsync());
        Assert.DoesNotContain("remote", await client.ListGalleriesAsync());
        Assert.Contains(await client.Galleries("me").HistoryAsync("named"), v => v.Deleted);
    }

    /// <summary>Changes of one category wait for each other; none is refused because of another.</summary>
    [Fact]
    public async Task Changes_at_the_same_time_wait_for_their_turn()
    {
        using var client = server.Client(server.Engineer);
        await CreateAsync(client, "busy", 2);
        var additions = Enumerable.Range(0, 24).Select(async i =>
            (await client.PostAsync("/v1/galleries/busy/images?calibrate=false", ServerFixture.Image(Part.Good(300 + i))), "add"));
        var reshardings = Enumerable.Range(0, 24).Select(async i =>
            (await client.PostAsJsonAsync("/v1/galleries/busy/reshard", new { shards = i % 2 + 1 }), "reshard"));
        var answers = await Task.WhenAll([.. additions, .. reshardings]);
        foreach (var (answer, what) in answers)
        {
            string text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{what}: {answer.StatusCode} {text}");
            if (what == "add") Assert.Contains("\"added\":1", text, StringComparison.Ordinal);
        }
        var galleries = server.App.Services.GetRequiredService<IGalleryServices>().For("test");
        Assert.Equal(26, (await galleries.GetAsync("busy")).Images.Count);
    }

    private static async Task CreateAsync(HttpClient client, string category, int images)
    {
        var form = new MultipartFormDataContent();
        for (int i = 0; i < images; i++) form.Add(ServerFixture.Image(Part.Good(200 + i)), "image", $"n{i}.png");
        var answer = await client.PostAsync($"/v1/galleries/{category}/images?alpha=0.3", form);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static Task<HttpResponseMessage> RenameAsync(HttpClient client, string category, string name) =>
        client.PostAsJsonAsync($"/v1/galleries/{category}/rename", new { name, reason = "x" });

    private static async Task<Scored> ScoreAsync(HttpClient client, string category)
    {
        var answer = await client.PostAsync($"/v1/score?category={category}", ServerFixture.Image(Part.Defective(7)));
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        return answer.IsSuccessStatusCode
            ? new Scored(answer.StatusCode, "", body.GetProperty("score").GetProperty("raw_score").GetDouble())
            : new Scored(answer.StatusCode, body.GetProperty("detail").GetString()!, null);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    private sealed record Scored(HttpStatusCode Status, string Detail, double? Score)
    {
        public void Deconstruct(out HttpStatusCode status, out string detail) => (status, detail) = (Status, Detail);
    }
}
