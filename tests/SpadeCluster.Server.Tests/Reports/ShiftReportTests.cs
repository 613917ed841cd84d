using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Reports;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.Reports;

/// <summary>The report of a shift: its figures over a known log, and page, file and command over a running server.</summary>
public sealed class ShiftReportTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    private static readonly DateTimeOffset Six = new(2026, 3, 1, 6, 0, 0, TimeSpan.Zero);

    /// <summary>Decisions of line R: hour, shift, verdict, normalised score.</summary>
    private static readonly (double Hour, string Shift, string Verdict, double Score)[] Rows =
    [
        (-30, "late", "defect", 1), (-7, "night", "good", 0.1), (-3, "night", "defect", 0.7), (-2, "night", "good", 0.2),
        (0, "early", "good", 0.3), (1, "early", "defect", 0.9), (2, "early", "review", 0.45), (3, "early", "good", 0.1),
        (4, "early", "defect", 0.8), (9, "late", "good", 0.2),
    ];

    [Fact]
    public async Task Figures_are_those_of_the_log_and_a_shift_is_compared_with_the_one_before()
    {
        long[] ids = await FillAsync("R");
        var reporter = server.App.Service<ShiftReporter>();
        var early = await reporter.MakeAsync(new DecisionFilter(Line: "R", Shift: "early", Since: Six.AddDays(-1), Until: Six.AddDays(1)));
        Assert.Equal(new VerdictCounts(2, 1, 2, 0), early.Counts.Total);
        // Night is the shift before, also where the report's time includes it.
        Assert.Equal(("night", new VerdictCounts(2, 0, 1, 0)), (early.Before.Shift, early.Before.Counts));
        Assert.Equal([ids[5], ids[8], ids[6], ids[4], ids[7]], early.Worst.Select(d => d.Id));
        // The feedback that was taken back does not count.
        Assert.Equal((1, 1), (early.Counts.Missed, early.Counts.FalseAlarms));
        Assert.Equal([ids[4]], early.Missed.Select(d => d.Id));
        Assert.Equal([ids[5]], early.FalseAlarms.Select(d => d.Id));
        var only = Assert.Single(early.Categories);
        Assert.Equal(("parts", early.Counts.Total), (only.Category, only.Counts));
        // No map is kept of these, and two parts of the three that passed count, as one was missed.
        Assert.Null(only.Defects);
        Assert.Equal((2, null), (only.Drift!.Parts, only.Drift.Deviations));

        // Without a shift: as much time before.
        var eight = await reporter.MakeAsync(new DecisionFilter(Line: "R", Since: Six, Until: Six.AddHours(8)));
        Assert.Equal(new VerdictCounts(2, 1, 2, 0), eight.Counts.Total);
        Assert.Equal((null, Six.AddHours(-8), Six, new VerdictCounts(2, 0, 1, 0)),
            (eight.Before.Shift, eight.Before.Since, eight.Before.Until, eight.Before.Counts));
        Assert.Equal([new CountedName("R", eight.Counts.Total)], eight.Lines);
        Assert.Equal(0.4, ShiftReport.Rate(eight.Counts.Total).Rate);
        // Nothing before the first one.
        Assert.Equal(0, (await reporter.MakeAsync(new DecisionFilter(Line: "R", Since: Six.AddHours(-31), Until: Six.AddHours(-29))))
            .Before.Counts.Total);
    }

    [Fact]
    public async Task Maps_of_real_defects_are_summed_where_they_are()
    {
        using var client = server.Client(server.Operator);
        var decisions = new List<JsonElement>();
        for (int i = 0; i < 4; i++)
            decisions.Add(await ApiTests.Json(await client.PostAsync("/v1/score?category=parts&line=M",
                ServerFixture.Image(Part.Defective(500 + i)))));
        Assert.All(decisions, d => Assert.Equal("defect", d.GetProperty("score").GetProperty("verdict").GetString()));
        await ApiTests.Json(await client.GetAsync("/v1/reports/shift?line=M"));
        var map = (await ReportAsync(client)).GetProperty("defects");
        Assert.Equal((4, 4, 4), (Number(map, "decisions"), Number(map, "of"), Number(map, "most")));
        // The spot is at (66, 50) of 96 pixels.
        Assert.Equal(4, map.GetProperty("counts")[50 * Number(map, "height") / 96 * Number(map, "width")
            + 66 * Number(map, "width") / 96].GetInt32());
        Assert.Equal(0, map.GetProperty("counts")[0].GetInt32());
        // One that a person reported as good is no longer in it.
        (await client.PostAsJsonAsync($"/v1/results/{Number(decisions[0], "id")}/feedback", new { kind = "good" }))
            .EnsureSuccessStatusCode();
        await server.App.Service<FeedbackService>().Checks;
        map = (await ReportAsync(client)).GetProperty("defects");
        Assert.Equal((3, 4, 3), (Number(map, "decisions"), Number(map, "of"), Number(map, "most")));

        static async Task<JsonElement> ReportAsync(HttpClient client)
            => (await ApiTests.Json(await client.GetAsync("/v1/reports/shift?line=M"))).GetProperty("categories")[0];

        static int Number(JsonElement e, string name) => e.GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task The_file_stands_alone_and_a_key_sees_its_categories_only()
    {
        using var client = server.Client(server.Viewer);
        var answer = await client.GetAsync("/v1/reports/shift?line=L1&format=html");
        Assert.Equal(("text/html", "attachment"),
            (answer.Content.Headers.ContentType!.MediaType, answer.Content.Headers.ContentDisposition!.DispositionType));
        string html = await answer.Content.ReadAsStringAsync();
        Assert.StartsWith("<!DOCTYPE html>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("src=\"/", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<link", html, StringComparison.Ordinal);
        // Links lead to the server; the picture of the fixture's defect is inside, as is where it fell.
        Assert.Contains($"href=\"{server.Address}/results/{server.Decision}\"", html, StringComparison.Ordinal);
        Assert.True(html.Split("data:image/jpeg;base64,").Length >= 3);

        using var scoped = server.Client(server.Scoped);
        Assert.Equal(HttpStatusCode.Forbidden, (await scoped.GetAsync("/v1/reports/shift?category=discs")).StatusCode);
        var nothing = await ApiTests.Json(await scoped.GetAsync("/v1/reports/shift?line=L1"));
        Assert.Equal(0, nothing.GetProperty("worst").GetArrayLength());
        Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync("/v1/reports/shift?format=pdf")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest,
            (await client.GetAsync("/v1/reports/shift?since=2026-03-02T00:00Z&until=2026-03-01T00:00Z")).StatusCode);
    }

    [Fact]
    public async Task The_command_gives_the_same_figures_from_the_folder_and_from_the_server()
    {
        await FillAsync("C");
        string[] shift = ["report", "shift", "--line", "C", "--from", "2026-03-01T06:00", "--to", "2026-03-01T14:00"];
        var (exit, local, error) = await ServerProcess.RunAsync(server.Folder,
            [.. shift, "--data", "data", "--json", "--out", "local.html"]);
        Assert.True(exit == 0, error);
        (exit, string remote, error) = await ServerProcess.RunAsync(server.Folder,
            [.. shift, "--server", server.GrpcAddress, "--key", server.Viewer, "--json", "--out", "remote.html"]);
        Assert.True(exit == 0, error);
        Assert.Equal(local, remote);
        Assert.Equal(2, JsonDocument.Parse(local).RootElement.GetProperty("counts").GetProperty("total").GetProperty("defect").GetInt32());
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(server.Folder, "local.html")),
            await File.ReadAllTextAsync(Path.Combine(server.Folder, "remote.html")));

        (exit, string text, _) = await ServerProcess.RunAsync(server.Folder, [.. shift, "--data", "data"]);
        Assert.Equal(0, exit);
        Assert.Contains("2 good, 1 review, 2 defect (40.0 %)", text, StringComparison.Ordinal);
        (exit, _, error) = await ServerProcess.RunAsync(server.Folder, ["report", "shift", "--data", "nowhere"]);
        Assert.Equal(4, exit);
        Assert.Contains("no server keeps its data", error, StringComparison.Ordinal);
        (exit, _, error) = await ServerProcess.RunAsync(server.Folder,
            ["report", "shift", "--from", "2026-03-02", "--to", "2026-03-01", "--data", "data"]);
        Assert.Equal((3, true), (exit, error.Contains("before it begins", StringComparison.Ordinal)));
    }

    /// <summary>Logs the rows, a missed defect, a false alarm, and one feedback that was taken back.</summary>
    private async Task<long[]> FillAsync(string line)
        => await server.App.Service<ServerDatabase>().WriteAsync(c =>
        {
            long[] ids = [.. Rows.Select(r => c.Scalar<long>(
                "INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, verdict, shift, pred_score, "
                + "raw_score, score) VALUES ($time, $line, 'ann', 'parts', 99, '', '', $verdict, $shift, $pred, $pred, $score) "
                + "RETURNING id",
                ("$time", Six.AddHours(r.Hour)), ("$line", line), ("$verdict", r.Verdict), ("$shift", r.Shift), ("$pred", r.Score),
                ("$score", "{\"file\":\"a.png\",\"image_id\":\"\",\"category\":\"parts\",\"version\":99,\"gate_distance\":1,"
                    + $"\"pred_score\":{r.Score.ToString(CultureInfo.InvariantCulture)},"
                    + "\"localised\":false,\"regions\":[],\"neighbours\":[],\"milliseconds\":{}}")))];
            foreach (var (row, kind, undone) in new[] { (4, "Defect", false), (5, "Good", false), (7, "Defect", true) })
                c.Execute("INSERT INTO feedback (decision, time, caller, kind, note, undone) VALUES ($decision, $time, 'ann', $kind, '', "
                    + "$undone)", ("$decision", ids[row]), ("$time", Six), ("$kind", kind), ("$undone", undone ? Six : null));
            return ids;
        });
}
