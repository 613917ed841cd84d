using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Grpc.Net.Client;
using Spade.V1;
using SpadeCluster.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests.Grpc;

/// <summary>Images page by page, differences and compaction, over gRPC and HTTP.</summary>
public sealed class GalleryVersionsTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    [Fact]
    public async Task Pages_of_images_are_of_one_version_whatever_is_published_meanwhile()
    {
        await server.CreateAsync("paged", Normals(0, 7));
        var galleries = Galleries(out var channel);
        using (channel)
        {
            var expected = (await Engineer().GetGalleryAsync("paged", true)).Images.Select(i => i.Id).ToList();
            var seen = new List<string>();
            var request = new ListImagesRequest { Category = "paged", PageSize = 3 };
            int added = 20;
            do
            {
                var page = await galleries.ListImagesAsync(request, Key());
                Assert.Equal(2, page.Version);
                Assert.InRange(page.Images.Count, 1, 3);
                seen.AddRange(page.Images.Select(i => i.Id));
                request.PageToken = page.NextPageToken;
                await server.CreateAsync("paged", Normals(added++, 1));
            }
            while (request.PageToken.Length > 0);
            Assert.Equal(expected, seen);

            // Over HTTP the caller names the version.
            using var http = server.Client(server.Viewer);
            var found = new List<string>();
            for (string after = ""; ;)
            {
                var page = await ApiTests.Json(await http.GetAsync($"/v1/galleries/paged/images?version=2&limit=3{after}"));
                var ids = page.GetProperty("images").EnumerateArray().Select(i => i.GetProperty("image_id").GetString()!).ToList();
                if (ids.Count == 0) break;
                found.AddRange(ids);
                after = $"&after={ids[^1]}";
            }
            Assert.Equal(expected, found);

            var first = await galleries.ListImagesAsync(new ListImagesRequest { Category = "paged", PageSize = 3 }, Key());
            foreach (var wrong in new[]
            {
                new ListImagesRequest { Category = "parts", PageToken = first.NextPageToken },
                new ListImagesRequest { Category = "paged", Version = 2, PageToken = first.NextPageToken },
                new ListImagesRequest { Category = "paged", PageToken = "x" },
                new ListImagesRequest { Category = "paged", PageSize = 1001 },
            })
                Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(
                    () => galleries.ListImagesAsync(wrong, Key()).ResponseAsync)).StatusCode);
        }
    }

    [Fact]
    public async Task A_difference_is_the_same_over_gRPC_and_HTTP()
    {
        await server.CreateAsync("differ", Normals(0, 5));
        using var spade = Engineer();
        await spade.RetireAsync("differ", ["good-1.png"], "blurred", "");
        await server.CreateAsync("differ", Normals(50, 2));
        int newest = (await spade.GetGalleryAsync("differ")).Version;
        var diff = await spade.Galleries("test").DiffAsync("differ", 2, newest);
        Assert.Equal(["good-1.png"], diff.Removed.Select(i => i.Source));
        Assert.Equal(["good-50.png", "good-51.png"], diff.Added.Select(i => i.Source).Order());
        Assert.NotNull(diff.Before);
        Assert.NotNull(diff.After);
        using var http = server.Client(server.Viewer);
        var answer = (await http.GetFromJsonAsync<JsonNode>($"/v1/galleries/differ/diff?from=2&to={newest}"))!;
        var report = JsonNode.Parse(JsonSerializer.Serialize(GalleryDiffReport.Of("differ", diff), ServerJson.Options));
        Assert.True(JsonNode.DeepEquals(answer, report), $"{answer}\n{report}");
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(() => spade.Galleries("test").DiffAsync("differ", 2, 999).AsTask())).Error);
    }

    [Fact]
    public async Task Compaction_drops_old_versions_and_keeps_what_is_in_use()
    {
        await server.CreateAsync("compact", Normals(0, 5));
        using var client = server.Client(server.Operator);
        // Scoring opens version 2, which is pinned from then on.
        (await client.PostAsync("/v1/score?category=compact", ServerFixture.Image(Part.Good(90)))).EnsureSuccessStatusCode();
        using var spade = Engineer();
        await spade.RetireAsync("compact", ["good-4.png"], "blurred", "");
        await server.CreateAsync("compact", Normals(60, 1));
        var galleries = spade.Galleries("test");
        var before = (await galleries.HistoryAsync("compact")).Select(v => v.Version).ToList();
        string[] command = ["gallery", "compact", "compact", "--keep-versions", "1", "--server", server.GrpcAddress, "--key",
            server.Engineer, "--json"];
        var printed = await ServerProcess.RunAsync(server.Folder, command);
        Assert.Equal((0, ""), (printed.Exit, printed.Error));
        var report = JsonNode.Parse(printed.Output)!;
        int[] dropped = [.. report["dropped"]!.AsArray().Select(v => v!.GetValue<int>())];
        int[] inUse = [.. report["in_use"]!.AsArray().Select(v => v!.GetValue<int>())];
        Assert.Contains(1, dropped);
        Assert.Contains(2, inUse);
        Assert.Equal(before.Except(dropped), (await galleries.HistoryAsync("compact")).Select(v => v.Version));
        Assert.Contains(server.App.Service<AuditLog>().Read(), a => a is { Action: "compact", Subject: "compact" });
        Assert.Equal(SpadeError.InvalidArgument, (await Assert.ThrowsAsync<SpadeException>(
            () => galleries.CompactAsync("compact", new Retention(5, TimeSpan.FromDays(-1))).AsTask())).Error);
    }

    private static (string, byte[])[] Normals(int first, int count)
        => [.. Enumerable.Range(first, count).Select(i => ($"good-{i}.png", Part.Good(i)))];

    private Metadata Key() => new() { { "authorization", $"Bearer {server.Engineer}" } };

    private global::Spade.V1.Galleries.GalleriesClient Galleries(out GrpcChannel channel)
        => new(channel = GrpcChannel.ForAddress(server.GrpcAddress));

    private SpadeClient Engineer()
    {
        var options = SpadeClientOptions.For([server.GrpcAddress]);
        options.Headers["authorization"] = $"Bearer {server.Engineer}";
        return new SpadeClient(options);
    }
}
