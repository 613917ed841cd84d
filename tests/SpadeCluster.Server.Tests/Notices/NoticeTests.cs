using System.Diagnostics.Metrics;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Notices;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Server.Tests.Notices;

/// <summary>Notices of a running server: over HTTP, as live events, in metrics and in the log.</summary>
public sealed class NoticeTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    [Fact]
    public async Task A_missed_defect_is_told_in_state_metrics_and_events_and_cleared_when_it_is_taken_back()
    {
        // A category of its own: metrics are shared by all servers of this process.
        await server.CreateAsync("missed", [.. Enumerable.Range(0, 16).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        using var client = server.Client(server.Operator);
        using var events = new StreamReader(await client.GetStreamAsync("/v1/results/live?category=missed"));
        while (await events.ReadLineAsync() is { Length: > 0 }) { }
        long id = await GoodPartAsync(client);
        long feedback = (await ApiTests.Json(await client.PostAsJsonAsync($"/v1/results/{id}/feedback", new { kind = "defect" })))
            .GetProperty("id").GetInt64();
        await server.App.Service<NoticeService>().LookAsync("missed");

        var raised = await EventAsync("missed_defects");
        Assert.Equal(("raised", "missed"), (raised.GetProperty("state").GetString(), raised.GetProperty("category").GetString()));
        Assert.Contains($"decision {id}", raised.GetProperty("sentence").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(raised.GetProperty("next").GetString()!);
        var state = await ApiTests.Json(await client.GetAsync("/v1/state"));
        Assert.Contains(state.GetProperty("notices").EnumerateArray(), IsMiss);
        Assert.Contains(("missed", "missed_defects"), Measured());
        // A key for other categories does not receive it.
        using var scoped = server.Client(server.Scoped);
        Assert.DoesNotContain("missed_defects", await scoped.GetStringAsync("/v1/notices"), StringComparison.Ordinal);
        Assert.DoesNotContain("missed_defects", await scoped.GetStringAsync("/v1/state"), StringComparison.Ordinal);

        (await client.DeleteAsync($"/v1/results/{id}/feedback/{feedback}")).EnsureSuccessStatusCode();
        Assert.DoesNotContain((await ApiTests.Json(await client.GetAsync("/v1/notices?category=missed"))).EnumerateArray(), IsMiss);
        Assert.Equal("cleared", (await EventAsync("missed_defects")).GetProperty("state").GetString());
        Assert.DoesNotContain(("missed", "missed_defects"), Measured());

        async Task<JsonElement> EventAsync(string code)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (true)
            {
                while (await events.ReadLineAsync(limit.Token) != "event: notice") { }
                var notice = JsonDocument.Parse((await events.ReadLineAsync(limit.Token))!["data: ".Length..]).RootElement;
                if (notice.GetProperty("code").GetString() == code) return notice;
            }
        }

        static bool IsMiss(JsonElement n) =>
            n.GetProperty("category").GetString() == "missed" && n.GetProperty("code").GetString() == "missed_defects";
    }

    [Fact]
    public async Task A_name_that_somebody_asked_for_is_not_looked_at_again()
    {
        var read = new CountedGalleries(server.App.Service<IGalleryServices>());
        var notices = ActivatorUtilities.CreateInstance<NoticeService>(server.App.Services, read,
            ActivatorUtilities.CreateInstance<FactReader>(server.App.Services, read));
        await notices.LookAsync();
        int before = read.Calls;
        for (int i = 0; i < 5; i++) Assert.Empty(await notices.LookAsync($"invented-{i}"));
        Assert.Equal(before + 5, read.Calls);
        await notices.LookAsync();
        Assert.Equal(2 * before + 5, read.Calls);
    }

    [Fact]
    public async Task A_suspect_is_told_until_an_engineer_accepts_or_retires_it()
    {
        using var client = server.Client(server.Engineer);
        await server.CreateAsync("suspect", [.. Enumerable.Range(0, 12).Select(i => ($"good-{i}.png", Part.Good(i))),
            ("odd.png", Part.Defective(12)), ("noise.png", Part.Noise(13))]);
        var suspects = (await DetailsAsync()).GetProperty("suspects").EnumerateArray().ToArray();
        Assert.Equal(["noise.png", "odd.png"], suspects.Select(s => s.GetProperty("source").GetString()));
        Assert.All(suspects, s => Assert.True(s.GetProperty("raw_score").GetDouble() > s.GetProperty("next_score").GetDouble()));
        Assert.Contains("2 normals lie far outside", await client.GetStringAsync("/v1/notices?category=suspect"), StringComparison.Ordinal);
        double theta = (await DetailsAsync()).GetProperty("theta").GetDouble();

        await ChangeAsync("accept", "odd.png");
        Assert.True((await DetailsAsync()).GetProperty("theta").GetDouble() > theta);
        await ChangeAsync("retire", "noise.png");
        Assert.DoesNotContain("suspects_waiting", await client.GetStringAsync("/v1/notices?category=suspect"), StringComparison.Ordinal);
        string audit = await client.GetStringAsync("/v1/audit");
        Assert.Contains("\"action\":\"accept\",\"subject\":\"suspect\",\"detail\":\"odd.png: looked at\"", audit.Replace(", version 3", ""),
            StringComparison.Ordinal);

        async Task ChangeAsync(string what, string image) => await ApiTests.Json(
            await client.PostAsJsonAsync($"/v1/galleries/suspect/{what}", new { images = new[] { image }, reason = "looked at" }));

        async Task<JsonElement> DetailsAsync() =>
            (await ApiTests.Json(await client.GetAsync("/v1/galleries/suspect"))).GetProperty("details");
    }

    [Fact]
    public async Task A_threshold_set_by_hand_holds_until_it_is_estimated_again_and_is_in_the_audit_log()
    {
        using var client = server.Client(server.Engineer);
        double before = await ThetaAsync(null);
        Assert.Equal(12.5, await ThetaAsync(12.5));
        var decision = await ApiTests.Json(await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(3))));
        Assert.Equal(12.5, decision.GetProperty("score").GetProperty("theta").GetDouble());
        Assert.Equal(before, await ThetaAsync(0));
        string audit = await client.GetStringAsync("/v1/audit");
        Assert.Contains("defect threshold set to 12.5, version", audit, StringComparison.Ordinal);

        async Task<double> ThetaAsync(double? theta) => (await ApiTests.Json(await client.PostAsJsonAsync("/v1/galleries/discs/calibrate",
            new { options = new { theta } }))).GetProperty("theta").GetDouble();
    }

    private static List<(string, string)> Measured()
    {
        var measured = new List<(string, string)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == SpadeMeter.Name && instrument.Name == "spade.notices") l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((_, _, tags, _) => measured.Add(((string)tags[0].Value!, (string)tags[1].Value!)));
        listener.Start();
        listener.RecordObservableInstruments();
        return measured;
    }

    private sealed class CountedGalleries(IGalleryServices services) : IGalleryServices
    {
        public int Calls { get; private set; }

        public IGalleryService For(string author)
        {
            Calls++;
            return services.For(author);
        }
    }

    private static async Task<long> GoodPartAsync(HttpClient client)
    {
        for (int seed = 900; seed < 960; seed++)
        {
            var decision = await ApiTests.Json(await client.PostAsync("/v1/score?category=missed", ServerFixture.Image(Part.Good(seed))));
            if (decision.GetProperty("score").GetProperty("verdict").GetString() == "good") return decision.GetProperty("id").GetInt64();
        }
        throw new InvalidOperationException("none of sixty good parts is good");
    }
}
