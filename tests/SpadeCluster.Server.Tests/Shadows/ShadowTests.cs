using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using SpadeCluster.Client;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Shadows;

namespace SpadeCluster.Server.Tests.Shadows;

/// <summary>A version that is tried on live photographs: version 2 beside version 3, whose threshold is so high that all is good.</summary>
public sealed class ShadowTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    private ShadowScoring Scoring => server.App.Service<ShadowScoring>();

    [Fact]
    public async Task Its_verdicts_are_stored_beside_the_decisions_and_decide_nothing()
    {
        using var engineer = server.Client(server.Engineer);
        await server.CreateAsync("tried", Normals(6));
        var alone = await ScoreAsync("tried", Part.Defective(70));
        Assert.Equal("defect", Score(alone, "verdict").GetString());
        await RaiseAsync("tried");
        var begun = await ApiTests.Json(await engineer.PostAsJsonAsync("/v1/galleries/tried/shadow", new { version = 2 }));
        Assert.Equal((2, 0), (begun.GetProperty("version").GetInt32(), begun.GetProperty("images").GetInt64()));
        Assert.StartsWith("engineer (", begun.GetProperty("caller").GetString(), StringComparison.Ordinal);

        var same = await ScoreAsync("tried", Part.Good(71));
        var differs = await ScoreAsync("tried", Part.Defective(70));
        Assert.Equal(("good", 3), (Score(differs, "verdict").GetString(), Score(differs, "version").GetInt32()));
        await Scoring.CatchUpAsync();

        // The same score as version 2 gave when it decided.
        long id = differs.GetProperty("id").GetInt64();
        var logged = await ApiTests.Json(await engineer.GetAsync($"/v1/results/{id}"));
        Assert.Equal("good", Score(logged, "verdict").GetString());
        var shadow = logged.GetProperty("shadow");
        Assert.Equal((2, "defect", Score(alone, "raw_score").GetDouble(), Score(alone, "pred_score").GetDouble()),
            (shadow.GetProperty("version").GetInt32(), shadow.GetProperty("verdict").GetString(),
                shadow.GetProperty("raw_score").GetDouble(), shadow.GetProperty("pred_score").GetDouble()));
        var found = await ApiTests.Json(await engineer.GetAsync("/v1/results?category=tried&shadow_differs=true"));
        Assert.Equal([id], found.EnumerateArray().Select(d => d.GetProperty("id").GetInt64()));
        found = await ApiTests.Json(await engineer.GetAsync("/v1/results?category=tried&shadow_differs=false"));
        Assert.Equal([same.GetProperty("id").GetInt64()], found.EnumerateArray().Select(d => d.GetProperty("id").GetInt64()));
        // Nothing of it is delivered.
        var log = server.App.Service<DecisionLog>();
        var destination = new Destination("mes", "http://127.0.0.1:1");
        var sent = DecisionEvent.Of(log.Get(id), destination, server.App.Service<DecisionPictures>());
        Assert.False(sent.Data.ContainsKey("shadow"));

        using var spade = Client();
        var state = await spade.GetShadowAsync("tried");
        Assert.Equal((2, 1, 0L), (state.Images, state.Differing, state.Dropped));
        Assert.Equal([new("good", "defect", 1), new("good", "good", 1)], state.Counts);
        var http = (await engineer.GetFromJsonAsync<JsonNode>("/v1/galleries/tried/shadow"))!;
        Assert.True(JsonNode.DeepEquals(http, JsonNode.Parse(JsonSerializer.Serialize(state, ServerJson.Options))), $"{http}");
        Assert.Equal(new RemoteShadowScore(2, "defect", Score(alone, "pred_score").GetDouble(), Score(alone, "raw_score").GetDouble()),
            (await spade.FindDecisionsAsync(new(Category: "tried", ShadowDiffers: true)).SingleAsync()).Shadow);
        string[] command = ["gallery", "shadow", "tried", "--server", server.GrpcAddress, "--key", server.Viewer];
        var printed = await ServerProcess.RunAsync(server.Folder, [.. command, "--json"]);
        Assert.Equal((0, 1), (printed.Exit, JsonNode.Parse(printed.Output)!["differing"]!.GetValue<int>()));
        printed = await ServerProcess.RunAsync(server.Folder, command);
        Assert.Contains("tried: shadow version 2 scores every photograph since", printed.Output, StringComparison.Ordinal);
        Assert.Contains("2 photographs scored by both, 1 with different verdicts (50.0 %)", printed.Output, StringComparison.Ordinal);
        // A viewer may look, and not end it.
        printed = await ServerProcess.RunAsync(server.Folder, ["gallery", "shadow", "tried", "none", .. command[3..]]);
        Assert.NotEqual(0, printed.Exit);

        // Published under another number: it ends with the next photograph.
        await ApiTests.Json(await engineer.PostAsJsonAsync("/v1/galleries/tried/rollback", new { version = 2, reason = "tried" }));
        Assert.Equal("defect", Score(await ScoreAsync("tried", Part.Defective(72)), "verdict").GetString());
        await Scoring.CatchUpAsync();
        Assert.Null(server.App.Service<ShadowLog>().Find("tried"));
        Assert.Equal(HttpStatusCode.NotFound, (await engineer.GetAsync("/v1/galleries/tried/shadow")).StatusCode);
        Assert.Contains(server.App.Service<AuditLog>().Read(), a => a is { Action: "shadow end", Subject: "tried", Caller: "server" });
    }

    /// <summary>A change that never decided before it was tried.</summary>
    [Fact]
    public async Task Changes_on_trial_are_a_shadow_before_they_ever_decide()
    {
        using var engineer = server.Client(server.Engineer);
        await server.CreateAsync("fresh", Normals(8));
        var begun = await ApiTests.Json(await engineer.PostAsJsonAsync("/v1/galleries/fresh/trial", new { reason = "a lower threshold" }));
        Assert.Equal((3, true), (begun.GetProperty("version").GetInt32(), begun.GetProperty("trial").GetBoolean()));
        // The same images and thresholds as those that decide: nothing to try yet.
        Assert.Equal(HttpStatusCode.Conflict,
            (await engineer.PostAsJsonAsync("/v1/galleries/fresh/shadow", new { version = 3 })).StatusCode);
        await RaiseAsync("fresh");
        await ApiTests.Json(await engineer.PostAsJsonAsync("/v1/galleries/fresh/shadow", new { version = 4 }));
        var decided = await ScoreAsync("fresh", Part.Defective(70));
        Assert.Equal(("defect", 2), (Score(decided, "verdict").GetString(), Score(decided, "version").GetInt32()));
        await Scoring.CatchUpAsync();
        var state = (await server.App.Service<ShadowService>().FindAsync("fresh", default))!;
        Assert.Equal([new ShadowCount("defect", "good", 1)], state.Counts);

        // A good part of an operator waits, and does not change what is tried.
        using var person = server.Client(server.Operator);
        var good = await ScoreAsync("fresh", Part.Good(71));
        (await person.PostAsJsonAsync($"/v1/results/{good.GetProperty("id").GetInt64()}/feedback", new { kind = "good" }))
            .EnsureSuccessStatusCode();
        await server.App.Service<FeedbackService>().Checks;
        Assert.Equal(4, (await server.App.Service<IGalleryServices>().For("test").GetAsync("fresh")).Version);
        Assert.Equal([false, false, true, true], (await engineer.GetFromJsonAsync<JsonArray>("/v1/galleries/fresh/history"))!
            .Select(v => v!["trial"]?.GetValue<bool>() ?? false));

        // By the command line, over gRPC: published under another number, and the shadow ends.
        string[] remote = ["--server", server.GrpcAddress, "--key", server.Engineer];
        var printed = await ServerProcess.RunAsync(server.Folder, ["gallery", "history", "fresh", .. remote]);
        Assert.Contains("on trial:", printed.Output, StringComparison.Ordinal);
        printed = await ServerProcess.RunAsync(server.Folder, ["gallery", "trial", "fresh", "begin", "--reason", "again", .. remote]);
        Assert.NotEqual(0, printed.Exit);
        Assert.Contains("version 4 of 'fresh' is on trial already", printed.Error, StringComparison.Ordinal);
        printed = await ServerProcess.RunAsync(server.Folder, ["gallery", "trial", "fresh", "publish", "--reason", "tried", .. remote]);
        Assert.True(printed.Exit == 0, printed.Error);
        Assert.StartsWith("fresh: version 5 with 8 images;", printed.Output, StringComparison.Ordinal);
        decided = await ScoreAsync("fresh", Part.Defective(72));
        Assert.Equal(("good", 5), (Score(decided, "verdict").GetString(), Score(decided, "version").GetInt32()));
        await Scoring.CatchUpAsync();
        Assert.Null(server.App.Service<ShadowLog>().Find("fresh"));

        printed = await ServerProcess.RunAsync(server.Folder, ["gallery", "trial", "fresh", "begin", "--reason", "again", .. remote]);
        Assert.StartsWith("fresh: version 6, on trial, with 8 images;", printed.Output, StringComparison.Ordinal);
        printed = await ServerProcess.RunAsync(server.Folder, ["gallery", "trial", "fresh", "discard", "--reason", "no", .. remote]);
        Assert.True(printed.Exit == 0, printed.Error);
        Assert.Equal("roll back to version 5: no",
            (await engineer.GetFromJsonAsync<JsonArray>("/v1/galleries/fresh/history"))![^1]!["reason"]!.GetValue<string>());
    }

    [Fact]
    public async Task What_cannot_be_tried_is_refused_in_one_sentence()
    {
        using var engineer = server.Client(server.Engineer);
        await server.CreateAsync("refused", Normals(4));
        foreach (var (status, body) in new (HttpStatusCode, object)[]
        {
            (HttpStatusCode.NotFound, new { version = 9 }),
            (HttpStatusCode.Conflict, new { version = 1 }),
            (HttpStatusCode.Conflict, new { version = 2 }),
            (HttpStatusCode.BadRequest, new { version = 1, share = 0 }),
            (HttpStatusCode.BadRequest, new { version = 1, share = 1.5 }),
            (HttpStatusCode.BadRequest, new { }),
        })
            Assert.Equal(status, (await engineer.PostAsJsonAsync("/v1/galleries/refused/shadow", body)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await engineer.DeleteAsync("/v1/galleries/refused/shadow")).StatusCode);
    }

    [Fact]
    public async Task Under_load_photographs_are_left_out_and_counted_and_lines_keep_their_slots()
    {
        const int Waiting = 16, All = 20;
        using var engineer = server.Client(server.Engineer);
        await server.CreateAsync("busy", Normals(4));
        await RaiseAsync("busy");
        var files = Enumerable.Range(0, All).Select(i => Part.Good(400 + i)).ToArray();
        var log = server.App.Service<DecisionLog>();
        var decisions = new List<Decision>();
        foreach (byte[] file in files) decisions.Add(log.Get((await ScoreAsync("busy", file)).GetProperty("id").GetInt64()));
        // As if it had begun before them.
        var service = server.App.Service<ShadowService>();
        await server.App.Service<ShadowLog>().SetAsync(new Shadow("busy", 2, 1, decisions[0].Time, "test"));
        service.Refresh();

        var (slots, hold) = (server.App.Service<ScoringSlots>(), new TaskCompletionSource());
        var held = Enumerable.Range(0, slots.Total).Select(i => slots.RunAsync($"line {i}", async () =>
        {
            await hold.Task;
            return 0;
        }, default)).ToList();
        var deciding = await server.App.Service<IGalleryServices>().For("test").GetAsync("busy");
        for (int i = 0; i < All; i++) Scoring.Offer(decisions[i], files[i], deciding);
        var busy = (await service.FindAsync("busy", default))!;
        // One may have left the queue to wait for a slot.
        Assert.InRange(busy.Dropped, All - Waiting - 1, All - Waiting);
        Assert.Equal(0, busy.Images);
        hold.SetResult();
        await Task.WhenAll(held);
        await Scoring.CatchUpAsync();
        var after = (await service.FindAsync("busy", default))!;
        Assert.Equal((All - busy.Dropped, busy.Dropped), (after.Images, after.Dropped));

        // Nothing is scored after its end.
        var ended = await ApiTests.Json(await engineer.DeleteAsync("/v1/galleries/busy/shadow"));
        Assert.Equal(after.Images, ended.GetProperty("images").GetInt64());
        Scoring.Offer(decisions[^1], files[^1], deciding);
        await Scoring.CatchUpAsync();
        Assert.Null(await service.FindAsync("busy", default));
    }

    [Fact]
    public async Task It_ends_when_its_version_is_compacted_away()
    {
        using var engineer = server.Client(server.Engineer);
        using var spade = Client();
        await server.CreateAsync("compacted", Normals(4));
        // Two versions that nobody has opened, because open ones are kept.
        var store = server.App.Service<IGalleryStore>();
        using (await store.LockAsync("compacted"))
        {
            var current = (await store.ReadCurrentAsync("compacted"))!;
            foreach (int version in new[] { 3, 4 })
                await store.PublishAsync(current with { Version = version, Calibration = current.Calibration! with { Theta = version } });
        }
        await spade.BeginShadowAsync("compacted", 3, 0.5);
        Assert.Equal(0.5, (await spade.GetShadowAsync("compacted")).Share);
        var report = await ApiTests.Json(await engineer.PostAsJsonAsync("/v1/galleries/compacted/compact", new { keep_versions = 1 }));
        Assert.Contains(3, report.GetProperty("dropped").EnumerateArray().Select(v => v.GetInt32()));
        Assert.Equal(SpadeError.NotFound, (await Assert.ThrowsAsync<SpadeException>(() => spade.GetShadowAsync("compacted"))).Error);
        Assert.Null(server.App.Service<ShadowLog>().Find("compacted"));
    }

    private static (string, byte[])[] Normals(int count) => [.. Enumerable.Range(0, count).Select(i => ($"good-{i}.png", Part.Good(i)))];

    /// <summary>Publishes a version with a threshold that no part exceeds.</summary>
    private async Task RaiseAsync(string category)
    {
        using var engineer = server.Client(server.Engineer);
        await ApiTests.Json(await engineer.PostAsJsonAsync($"/v1/galleries/{category}/calibrate",
            new { options = new { theta = 1e9, review_rate = 0 } }));
    }

    private async Task<JsonElement> ScoreAsync(string category, byte[] file)
    {
        using var client = server.Client(server.Operator);
        return await ApiTests.Json(await client.PostAsync($"/v1/score?category={category}", ServerFixture.Image(file)));
    }

    private static JsonElement Score(JsonElement decision, string field) => decision.GetProperty("score").GetProperty(field);

    private SpadeClient Client()
    {
        var options = SpadeClientOptions.For([server.GrpcAddress]);
        options.Headers["authorization"] = $"Bearer {server.Engineer}";
        return new SpadeClient(options);
    }
}
