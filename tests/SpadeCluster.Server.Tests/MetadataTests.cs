using System.Net;
using System.Text.Json;
using SpadeCluster.Client;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Tests;

/// <summary>Line, serial number, batch, shift and operator of a part: sent in every way, stored and found.</summary>
public sealed class MetadataTests(OpenServerFixture server) : IClassFixture<OpenServerFixture>
{
    [Fact]
    public async Task The_nearest_to_the_photograph_counts()
    {
        using var client = server.Client(null);
        var form = new MultipartFormDataContent { { new StringContent("Los Größe 7"), "batch" }, { new StringContent("late"), "shift" } };
        for (int i = 0; i < 2; i++)
        {
            var image = ServerFixture.Image(Part.Good(10 + i));
            image.Headers.Add("X-Serial-Number", $"part-{i}");
            form.Add(image, "image", $"{i}.png");
        }
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/score/batch?category=discs&shift=address&batch=address&line=L7")
        {
            Content = form,
            Headers = { { "X-Line", "header" }, { "X-Operator", "Ann" } },
        };
        string[] answers = (await (await client.SendAsync(request)).Content.ReadAsStringAsync()).TrimEnd().Split('\n');
        for (int i = 0; i < 2; i++)
        {
            var found = await FindAsync(client, $"part-{i}");
            Assert.Equal(JsonDocument.Parse(answers[i]).RootElement.GetProperty("id").GetInt64(), found.GetProperty("id").GetInt64());
            Assert.Equal(["L7", "Los Größe 7", "late", "Ann"], Values(found));
        }
    }

    [Theory]
    [InlineData("line=a%2Fb", "line name")]
    [InlineData("serial_number=a%0Ab", "serial number")]
    [InlineData("shift=%E2%80%AEabc", "shift")]
    public async Task What_cannot_be_stored_is_refused_by_name(string query, string named)
    {
        using var client = server.Client(null);
        var answer = await client.PostAsync($"/v1/score?category=discs&{query}", ServerFixture.Image(Part.Good(1)));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(named, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var form = new MultipartFormDataContent
        {
            { new StringContent(new string('x', ImageMetadata.MaxLength + 1)), "batch" },
                { ServerFixture.Image(Part.Good(1)), "image", "a.png" },
        };
        Assert.Equal(HttpStatusCode.BadRequest, (await client.PostAsync("/v1/score?category=discs", form)).StatusCode);
    }

    [Fact]
    public async Task A_client_sends_it_with_one_image_and_with_those_of_a_stream()
    {
        using var spade = new SpadeClient(server.GrpcAddress);
        // Larger than a chunk, so that only the first message has metadata.
        var options = SpadeClientOptions.For([server.GrpcAddress]);
        options.ChunkBytes = 100;
        using var streaming = new SpadeClient(options);
        ImageSource Source(string serial) => new("part.png", Part.Good(20)) { Metadata = new("L8", serial, "B1", "early", "Ann") };
        await spade.ScoreAsync("discs", Source("one"));
        await foreach (var score in streaming.ScoreStreamAsync("discs", [Source("two"), Source("three")])) Assert.Null(score.Error);
        using var client = server.Client(null);
        foreach (string serial in new[] { "one", "two", "three" })
            Assert.Equal(["L8", "B1", "early", "Ann"], Values(await FindAsync(client, serial)));
    }

    [Fact]
    public async Task The_command_line_sends_it_and_the_console_shows_it()
    {
        string photo = Path.Combine(server.Folder, "part.png");
        await File.WriteAllBytesAsync(photo, Part.Defective(30));
        string[] score = ["score", "--category", "discs", photo, "--serial-number", "SN <30>", "--line", "L9", "--shift", "night"];
        var (exit, _, error) = await ServerProcess.RunAsync(server.Folder, [.. score, "--server", new Uri(server.GrpcAddress).Authority]);
        Assert.True(exit == 0, error);
        using var client = server.Client(null);
        long id = (await FindAsync(client, "SN <30>")).GetProperty("id").GetInt64();
        string list = await client.GetStringAsync("/results?serial_number=SN+%3C30%3E"),
            one = await client.GetStringAsync($"/results/{id}");
        Assert.Contains($"href=\"/results/{id}\"", list, StringComparison.Ordinal);
        Assert.Single(list.Split("class=\"card ")[1..]);
        Assert.Contains("SN &lt;30&gt;", list, StringComparison.Ordinal);
        Assert.Contains("serial number SN &lt;30&gt; &#xB7; shift night", one, StringComparison.Ordinal);

        (exit, _, error) = await ServerProcess.RunAsync(server.Folder, score);
        Assert.Equal(3, exit);
        Assert.Contains("--server", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watched_folder_is_scored_by_the_server_with_metadata_from_names()
    {
        string drop = Directory.CreateDirectory(Path.Combine(server.Folder, "drop")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(drop, "W-1_x.png"), Part.Defective(40));
        await File.WriteAllTextAsync(Path.Combine(server.Folder, "folders.json"), JsonSerializer.Serialize(new[]
        {
            new { folder = drop, category = "discs", line = "L6", name_pattern = "{serial_number}_*" },
        }));
        using var watch = ServerProcess.Start(server.Folder, "watch", "--folders", "folders.json", "--json", "--server",
            new Uri(server.GrpcAddress).Authority);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        string? line = await watch.StandardOutput.ReadLineAsync(limit.Token);
        watch.Kill();
        var result = JsonDocument.Parse(line!).RootElement;
        Assert.Equal(("W-1_x.png", "defect"),
            (result.GetProperty("file").GetString(), result.GetProperty("score").GetProperty("verdict").GetString()));
        using var client = server.Client(null);
        Assert.Equal("L6", (await FindAsync(client, "W-1")).GetProperty("line").GetString());
        await watch.WaitForExitAsync(limit.Token);
    }

    private static async Task<JsonElement> FindAsync(HttpClient client, string serial)
    {
        var found = await ApiTests.Json(await client.GetAsync($"/v1/results?serial_number={Uri.EscapeDataString(serial)}"));
        Assert.Equal(1, found.GetArrayLength());
        Assert.Equal(serial, found[0].GetProperty("serial_number").GetString());
        return found[0];
    }

    private static string[] Values(JsonElement decision)
        => [.. new[] { "line", "batch", "shift", "operator" }.Select(n => decision.GetProperty(n).GetString()!)];
}
