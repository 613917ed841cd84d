using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Tests;

/// <summary>An operator's feedback must not make the line miss defects: nothing tried here changes a threshold.</summary>
public sealed class FeedbackTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    private FeedbackService Service => server.App.Service<FeedbackService>();

    public static TheoryData<string> Attacks => [.. Table.Keys];

    /// <summary>Each gives feedback with an operator's key and answers with the decisions of which the audit log must tell.</summary>
    private static readonly Dictionary<string, Func<FeedbackTests, HttpClient, Task<long[]>>> Table = new(StringComparer.Ordinal)
    {
        ["noise"] = async (t, c) => [await t.SayGoodAsync(c, Part.Noise(1, side: 96))],
        ["a slow drip of slightly odd parts"] = async (t, c) =>
        {
            var ids = new List<long>();
            for (int grey = 166; grey < 196; grey += 8)
            {
                ids.Add(await t.SayGoodAsync(c, Part.Odd(500 + grey, grey)));
                await t.Service.Checks;
            }
            return [.. ids];
        },
        ["many at once"] = (t, c) => Task.WhenAll(Enumerable.Range(10, 8).Select(i => t.SayGoodAsync(c, Part.Noise(i)))),
        ["a missed defect turned good"] = async (t, c) =>
        {
            long id = await t.ScoreAsync(c, Part.Copy(3, 700));
            await t.UndoAsync(c, id, await t.GiveAsync(c, id, "defect"));
            await t.GiveAsync(c, id, "good");
            return [id];
        },
        ["said, taken back and said again"] = async (t, c) =>
        {
            long id = await t.ScoreAsync(c, Part.Noise(2));
            for (int i = 0; i < 3; i++)
            {
                long feedback = await t.GiveAsync(c, id, "good");
                if (i == 1) await t.Service.Checks;
                if (i < 2) await t.UndoAsync(c, id, feedback);
            }
            return [id];
        },
        ["the same noise under many decisions"] = async (t, c) =>
        {
            var ids = new List<long>();
            for (int i = 0; i < 3; i++) ids.Add(await t.SayGoodAsync(c, Part.Noise(3)));
            return [.. ids];
        },
        ["many words on one decision"] = async (t, c) =>
        {
            long id = await t.ScoreAsync(c, Part.Noise(4));
            var answers = await Task.WhenAll(Enumerable.Range(0, 8)
                .Select(_ => c.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind = "good" })));
            Assert.Single(answers, a => a.IsSuccessStatusCode);
            return [id];
        },
        ["parts just below and above the threshold"] = async (t, c) =>
        {
            var ids = new List<long>();
            for (int seed = 600; ids.Count < 3 && seed < 680; seed++)
            {
                var (id, verdict) = await t.JudgeAsync(c, Part.Good(seed));
                if (verdict == "good") continue;
                await t.GiveAsync(c, id, "good");
                ids.Add(id);
            }
            Assert.Equal(3, ids.Count);
            return [.. ids];
        },
        ["scored over gRPC"] = async (t, c) =>
        {
            using var channel = GrpcChannel.ForAddress(t.Server.GrpcAddress);
            await new Spade.V1.Scoring.ScoringClient(channel).ScoreAsync(new()
            {
                Category = "parts",
                Image = new() { Format = Spade.V1.PixelFormat.Encoded, Name = "n.png", Data = ByteString.CopyFrom(Part.Noise(5)) }
            }, new Metadata { { "authorization", $"Bearer {t.Server.Operator}" } });
            long id = (await ApiTests.Json(await c.GetAsync("/v1/results?category=parts&limit=1")))[0].GetProperty("id").GetInt64();
            await t.GiveAsync(c, id, "good");
            return [id];
        },
        ["while an engineer changes the gallery"] = async (t, c) =>
        {
            using var engineer = t.Server.Client(t.Server.Engineer);
            long id = await t.ScoreAsync(c, Part.Noise(6));
            await Task.WhenAll(t.GiveAsync(c, id, "good"),
                engineer.PostAsJsonAsync("/v1/galleries/parts/calibrate", new { }));
            return [id];
        },
        ["approved by the operator"] = async (t, c) =>
        {
            long id = await t.ScoreAsync(c, Part.Noise(7)), feedback = await t.GiveAsync(c, id, "good");
            await t.Service.Checks;
            Assert.Equal(HttpStatusCode.Forbidden,
                (await c.PostAsJsonAsync($"/v1/results/{id}/feedback/{feedback}/approve", new { })).StatusCode);
            return [id];
        },
        ["of another category"] = async (t, c) =>
        {
            long id = await t.SayGoodAsync(c, Part.Noise(8), "other");
            using var scoped = t.Server.Client(t.Server.Scoped);
            long ours = await t.ScoreAsync(c, Part.Noise(9));
            Assert.Equal(HttpStatusCode.NotFound,
                (await scoped.PostAsJsonAsync($"/v1/results/{ours}/feedback", new { kind = "good" })).StatusCode);
            return [id];
        },
    };

    private PartsFixture Server => server;

    [Theory, MemberData(nameof(Attacks))]
    public async Task An_attack_changes_no_threshold_and_is_in_the_audit_log(string attack)
    {
        using var client = server.Client(server.Operator);
        string before = await ThresholdsAsync("parts"), other = await ThresholdsAsync("other");
        long[] decisions = await Table[attack](this, client);
        await Service.Checks;
        Assert.Equal(before, await ThresholdsAsync("parts"));
        Assert.Equal(other, await ThresholdsAsync("other"));
        var audit = server.App.Service<AuditLog>().Read(1000);
        Assert.All(decisions, id =>
        {
            Assert.Contains(audit, e => e.Action == "feedback good" && e.Detail == $"decision {id}" && e.Caller.StartsWith("operator ("));
            Assert.Contains(audit, e => e.Action == "feedback waiting" && e.Detail.StartsWith($"decision {id}, "));
        });
    }

    [Fact]
    public async Task Copies_of_normals_move_a_threshold_by_a_twentieth_in_total_and_then_wait()
    {
        using var client = server.Client(server.Operator);
        double before = await ThetaAsync();
        var ids = new List<long>();
        for (int i = 0; i < 5; i++)
        {
            ids.Add(await SayGoodAsync(client, Part.Copy(i, 40 + i)));
            await Service.Checks;
            Assert.InRange(await ThetaAsync(), before / 1.05, before * 1.05);
        }
        var waiting = (await ApiTests.Json(await client.GetAsync("/v1/feedback/waiting?category=parts"))).EnumerateArray()
            .Select(w => w.GetProperty("feedback")).ToArray();
        // Independent of the tests' order: the normals that were added are withdrawn by their id.
        foreach (long id in ids)
        {
            var feedback = (await ApiTests.Json(await client.GetAsync($"/v1/results/{id}/feedback")))[0];
            if (feedback.GetProperty("status").GetString() == "waiting")
                Assert.Contains("by more than 5 %", feedback.GetProperty("why").GetString(), StringComparison.Ordinal);
        }
        Assert.Contains(waiting, w => ids.Contains(w.GetProperty("decision").GetInt64()));
    }

    [Fact]
    public async Task An_ordinary_good_part_is_added_and_its_operator_can_take_it_back()
    {
        using var client = server.Client(server.Operator);
        using var second = server.Client(server.SecondOperator);
        using var engineer = server.Client(server.Engineer);
        string before = await ThresholdsAsync("parts");
        // The first one that looks like the normals and changes no threshold too far.
        for (int seed = 700; seed < 760; seed++)
        {
            var (id, verdict) = await JudgeAsync(client, Part.Good(seed));
            if (verdict != "good") continue;
            long feedback = await GiveAsync(client, id, "good");
            await Service.Checks;
            var said = (await ApiTests.Json(await client.GetAsync($"/v1/results/{id}/feedback")))[0];
            if (said.GetProperty("status").GetString() != "added") continue;
            Assert.NotEqual(before, await ThresholdsAsync("parts"));
            Assert.Equal(HttpStatusCode.Forbidden, (await second.DeleteAsync($"/v1/results/{id}/feedback/{feedback}")).StatusCode);
            await UndoAsync(client, id, feedback);
            Assert.Equal(before, await ThresholdsAsync("parts"));
            return;
        }
        Assert.Fail("no part of sixty was added");
    }

    [Fact]
    public async Task An_engineer_approves_or_refuses_what_waits()
    {
        using var client = server.Client(server.Operator);
        using var engineer = server.Client(server.Engineer);
        long yes = await SayGoodAsync(client, Part.Defective(801), "discs"), no = await SayGoodAsync(client, Part.Noise(802), "discs");
        await Service.Checks;
        var waiting = (await ApiTests.Json(await engineer.GetAsync("/v1/feedback/waiting?category=discs"))).EnumerateArray()
            .ToDictionary(w => w.GetProperty("decision").GetProperty("id").GetInt64(), w => w.GetProperty("feedback"));
        Assert.Contains("suspect", waiting[no].GetProperty("why").GetString(), StringComparison.Ordinal);
        string Url(long id, string what) => $"/v1/results/{id}/feedback/{waiting[id].GetProperty("id").GetInt64()}/{what}";
        Assert.Equal(HttpStatusCode.BadRequest, (await engineer.PostAsJsonAsync(Url(no, "refuse"), new { reason = " " })).StatusCode);
        Assert.Equal("refused", (await ApiTests.Json(await engineer.PostAsJsonAsync(Url(no, "refuse"), new { reason = "noise" })))
            .GetProperty("status").GetString());
        var approved = await ApiTests.Json(await engineer.PostAsJsonAsync(Url(yes, "approve"), new { }));
        Assert.Equal("added", approved.GetProperty("status").GetString());
        Assert.Contains(approved.GetProperty("image_id").GetString()!,
            await engineer.GetStringAsync("/v1/galleries/discs"), StringComparison.Ordinal);
        // An operator cannot withdraw what an engineer approved, and it can be withdrawn only once.
        Assert.Equal(HttpStatusCode.Forbidden,
            (await client.DeleteAsync($"/v1/results/{yes}/feedback/{approved.GetProperty("id").GetInt64()}")).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await engineer.PostAsJsonAsync(Url(yes, "approve"), new { })).StatusCode);
        // The same feedback, given again after an engineer refused it, waits too.
        await GiveAsync(client, no, "good");
        await Service.Checks;
        Assert.Equal("waiting", (await ApiTests.Json(await client.GetAsync($"/v1/results/{no}/feedback")))[0].GetProperty("status")
            .GetString());
        string audit = await engineer.GetStringAsync("/v1/audit");
        Assert.Contains("feedback approve", audit, StringComparison.Ordinal);
        Assert.Contains($"decision {no}, feedback {waiting[no].GetProperty("id").GetInt64()}: noise", audit, StringComparison.Ordinal);
    }

    private async Task<(long Id, string Verdict)> JudgeAsync(HttpClient client, byte[] image, string category = "parts")
    {
        var decision = await ApiTests.Json(await client.PostAsync($"/v1/score?category={category}", ServerFixture.Image(image)));
        return (decision.GetProperty("id").GetInt64(), decision.GetProperty("score").GetProperty("verdict").GetString()!);
    }

    private async Task<long> ScoreAsync(HttpClient client, byte[] image, string category = "parts")
        => (await JudgeAsync(client, image, category)).Id;

    private async Task<long> GiveAsync(HttpClient client, long decision, string kind)
        => (await ApiTests.Json(await client.PostAsJsonAsync($"/v1/results/{decision}/feedback", new { kind }))).GetProperty("id")
        .GetInt64();

    private async Task<long> SayGoodAsync(HttpClient client, byte[] image, string category = "parts")
    {
        long id = await ScoreAsync(client, image, category);
        await GiveAsync(client, id, "good");
        return id;
    }

    private async Task UndoAsync(HttpClient client, long decision, long feedback)
        => await ApiTests.Json(await client.DeleteAsync($"/v1/results/{decision}/feedback/{feedback}"));

    private async Task<double> ThetaAsync()
    {
        using var client = server.Client(server.Viewer);
        return (await ApiTests.Json(await client.GetAsync("/v1/galleries/parts"))).GetProperty("details").GetProperty("theta").GetDouble();
    }

    /// <summary>Every threshold, exactly, and the images that they were learned from.</summary>
    private async Task<string> ThresholdsAsync(string category)
    {
        using var client = server.Client(server.Viewer);
        var details = (await ApiTests.Json(await client.GetAsync($"/v1/galleries/{category}"))).GetProperty("details");
        string[] images = [.. details.GetProperty("images").EnumerateArray().Select(i => i.GetProperty("image_id").GetString()!)];
        return string.Join(' ', (string[])[.. new[] { "tau", "theta", "review" }.Select(n => details.GetProperty(n).GetRawText()),
            .. images]);
    }
}
