using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using SpadeCluster.Client;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Tests.Security;

namespace SpadeCluster.Server.Tests.Grpc;

/// <summary>spade.v1.Results through the typed client: the same answers, keys and rules as over HTTP.</summary>
public sealed class ResultsTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    [Fact]
    public async Task Decisions_counts_and_pictures_are_those_of_HTTP()
    {
        using var http = server.Client(server.Operator);
        using var spade = Spade(server.Operator);
        await ScoreAsync(http, Part.Good(200), "line=same&serial_number=SN-1&batch=b7&shift=early&operator=ann");
        long defective = await ScoreAsync(http, Part.Defective(201), "line=same&serial_number=SN-2&shift=late");
        await spade.GiveFeedbackAsync(defective, RemoteFeedbackKind.Defect, "scratch");
        foreach (var (query, filter) in new (string, RemoteDecisionFilter)[]
        {
            ("line=same", new(Line: "same")),
            ("line=same&serial_number=sn-*", new(Line: "same", SerialNumber: "sn-*")),
            ("line=same&verdict=defect&feedback=defect", new(Line: "same", Verdict: "defect", Feedback: RemoteFeedbackKind.Defect)),
            ("line=same&shift=early&category=parts", new(Line: "same", Shift: "early", Category: "parts")),
            ("line=same&since=2001-01-01", new(Line: "same", Since: new DateTimeOffset(2001, 1, 1, 0, 0, 0, TimeSpan.Zero))),
            ("line=same&until=2001-01-01", new(Line: "same", Until: new DateTimeOffset(2001, 1, 1, 0, 0, 0, TimeSpan.Zero))),
        })
        {
            var expected = await NodeAsync(http, $"/v1/results?{query}");
            var found = JsonNode.Parse(JsonSerializer.Serialize(await spade.FindDecisionsAsync(filter).ToListAsync(), ServerJson.Options));
            Assert.True(JsonNode.DeepEquals(expected, found), $"{query}:\n{expected}\n{found}");
        }
        Assert.Equal(2, (await spade.ListDecisionsAsync(new(Line: "same"))).Decisions.Count);

        var one = JsonNode.Parse(JsonSerializer.Serialize(await spade.GetDecisionAsync(defective), ServerJson.Options));
        Assert.True(JsonNode.DeepEquals(await NodeAsync(http, $"/v1/results/{defective}"), one));

        var counts = await spade.CountDecisionsAsync(new(Line: "same"));
        var counted = await NodeAsync(http, "/v1/results/counts?line=same");
        Assert.Equal((1, 1, TimeSpan.FromHours(1)), (counts.Total.Good, counts.Total.Defect, counts.Step));
        Assert.Equal(["early", "late"], counts.Shifts.Select(s => s.Shift));
        foreach (string part in new[] { "since", "until", "total", "missed", "false_alarms", "times", "shifts" })
            Assert.True(JsonNode.DeepEquals(counted[part],
                JsonNode.Parse(JsonSerializer.Serialize(counts, ServerJson.Options))![part]), part);

        Assert.Equal(Part.Defective(201), await spade.GetPhotographAsync(defective));
        var map = await http.GetAsync($"/v1/results/{defective}/map");
        var (width, height, values) = await spade.GetMapAsync(defective);
        Assert.Equal((map.Headers.GetValues("X-Width").Single(), map.Headers.GetValues("X-Height").Single()), ($"{width}", $"{height}"));
        Assert.Equal(await map.Content.ReadAsByteArrayAsync(), values.SelectMany(BitConverter.GetBytes));
    }

    [Fact]
    public async Task Pages_repeat_and_lose_no_decision_while_new_ones_are_made()
    {
        using var http = server.Client(server.Operator);
        using var spade = Spade(server.Viewer);
        var filter = new RemoteDecisionFilter(Line: "pages");
        var expected = new List<long>();
        for (int i = 0; i < 5; i++) expected.Insert(0, await ScoreAsync(http, Part.Good(300 + i), "line=pages"));
        var seen = new List<long>();
        string? next = null;
        do
        {
            var page = await spade.ListDecisionsAsync(filter, 2, next);
            Assert.InRange(page.Decisions.Count, 1, 2);
            seen.AddRange(page.Decisions.Select(d => d.Id));
            next = page.Next;
            await ScoreAsync(http, Part.Good(310 + seen.Count), "line=pages");
        }
        while (next is not null);
        Assert.Equal(expected, seen);

        string token = (await spade.ListDecisionsAsync(filter, 2)).Next!;
        foreach (string wrong in new[] { "x", "not base64!", token[..^4] + "AAAA" })
            Assert.Equal(SpadeError.InvalidArgument, await ErrorAsync(() => spade.ListDecisionsAsync(filter, 2, wrong)));
        // A token of another filter would silently skip decisions.
        Assert.Equal(SpadeError.InvalidArgument, await ErrorAsync(() => spade.ListDecisionsAsync(new(Line: "other"), 2, token)));
        Assert.Equal(SpadeError.InvalidArgument, await ErrorAsync(() => spade.ListDecisionsAsync(filter, DecisionFilter.MaxLimit + 1)));
        Assert.Equal(SpadeError.InvalidArgument, await ErrorAsync(() => spade.ListDecisionsAsync(filter, -1)));
        Assert.Equal(SpadeError.InvalidArgument, await ErrorAsync(() => spade.ListDecisionsAsync(new(Verdict: "bad"))));
    }

    [Fact]
    public async Task Feedback_follows_the_rules_of_HTTP_and_its_author_is_the_owner_of_the_key()
    {
        using var http = server.Client(server.Operator);
        using var spade = Spade(server.Operator);
        using var engineer = Spade(server.Engineer);
        using var second = Spade(server.SecondOperator);
        long id = await ScoreAsync(http, Part.Noise(40), "line=feedback");
        var given = await spade.GiveFeedbackAsync(id, RemoteFeedbackKind.Good, "looks good");
        Assert.Equal((RemoteFeedbackStatus.Checking, "looks good"), (given.Status, given.Note));
        Assert.StartsWith("operator (", given.Caller, StringComparison.Ordinal);
        Assert.Equal(SpadeError.FailedPrecondition, await ErrorAsync(() => spade.GiveFeedbackAsync(id, RemoteFeedbackKind.Defect)));
        await server.App.Service<FeedbackService>().Checks;
        var waiting = Assert.Single(await spade.ListWaitingFeedbackAsync("parts"), w => w.Decision.Id == id);
        Assert.Equal((given.Id, RemoteFeedbackStatus.Waiting), (waiting.Feedback.Id, waiting.Feedback.Status));
        Assert.NotNull(waiting.Feedback.Why);

        // 403 over HTTP: another operator's feedback, and a role that is too low.
        Assert.Equal(StatusCode.PermissionDenied, await StatusAsync(() => second.UndoFeedbackAsync(id, given.Id)));
        Assert.Equal(StatusCode.PermissionDenied, await StatusAsync(() => spade.ApproveFeedbackAsync(id, given.Id)));
        Assert.Equal(SpadeError.InvalidArgument, await ErrorAsync(() => engineer.RefuseFeedbackAsync(id, given.Id, " ")));
        var refused = await engineer.RefuseFeedbackAsync(id, given.Id, "noise");
        Assert.Equal(RemoteFeedbackStatus.Refused, refused.Status);
        Assert.StartsWith("engineer (", refused.DecidedBy, StringComparison.Ordinal);
        Assert.Equal(SpadeError.NotFound, await ErrorAsync(() => engineer.ApproveFeedbackAsync(id, given.Id)));

        var again = await spade.GiveFeedbackAsync(id, RemoteFeedbackKind.Defect);
        var undone = await spade.UndoFeedbackAsync(id, again.Id);
        Assert.NotNull(undone.Undone);
        Assert.Equal([again.Id, given.Id], (await spade.ListFeedbackAsync(id)).Select(f => f.Id));
        var expected = await NodeAsync(http, $"/v1/results/{id}/feedback");
        var listed = JsonNode.Parse(JsonSerializer.Serialize(await spade.ListFeedbackAsync(id), ServerJson.Options));
        Assert.True(JsonNode.DeepEquals(expected, listed), $"{expected}\n{listed}");

        // Approved: it becomes a normal, and is retired when it is taken back.
        long odd = await ScoreAsync(http, Part.Noise(41), "line=feedback");
        var asked = await spade.GiveFeedbackAsync(odd, RemoteFeedbackKind.Good);
        await server.App.Service<FeedbackService>().Checks;
        var approved = await engineer.ApproveFeedbackAsync(odd, asked.Id);
        Assert.Equal(RemoteFeedbackStatus.Added, approved.Status);
        Assert.Contains((await engineer.GetGalleryAsync("parts", true)).Images, i => i.Id == approved.ImageId);
        await engineer.UndoFeedbackAsync(odd, asked.Id);
        Assert.DoesNotContain((await engineer.GetGalleryAsync("parts", true)).Images, i => i.Id == approved.ImageId);
    }

    [Fact]
    public async Task A_key_for_other_categories_finds_none_of_its_decisions_by_any_method()
    {
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress);
        int rows = 0;
        foreach (var method in global::Spade.V1.Results.Descriptor.Methods)
        {
            var id = method.InputType.FindFieldByName("id") ?? method.InputType.FindFieldByName("decision");
            if (id is null) continue;
            var message = (IMessage)Activator.CreateInstance(method.InputType.ClrType)!;
            id.Accessor.SetValue(message, server.Decision);
            method.InputType.FindFieldByName("kind")?.Accessor.SetValue(message, global::Spade.V1.FeedbackKind.Defect);
            method.InputType.FindFieldByName("reason")?.Accessor.SetValue(message, "none");
            string name = $"/spade.v1.Results/{method.Name}";
            Assert.Equal((name, StatusCode.NotFound), (name, await RawGrpc.CallAsync(channel, name, message.ToByteArray(), server.Scoped)));
            rows++;
        }
        Assert.Equal(8, rows);
        using var scoped = Spade(server.Scoped);
        Assert.All(await scoped.FindDecisionsAsync(new()).ToListAsync(), d => Assert.Equal("other", d.Score.Category));
        Assert.Equal(StatusCode.PermissionDenied, await StatusAsync(() => scoped.CountDecisionsAsync(new(Category: "discs"))));
    }

    private SpadeClient Spade(string key)
    {
        var options = SpadeClientOptions.For([server.GrpcAddress]);
        options.Headers["authorization"] = $"Bearer {key}";
        return new SpadeClient(options);
    }

    private static async Task<long> ScoreAsync(HttpClient client, byte[] file, string query)
        => (await ApiTests.Json(await client.PostAsync($"/v1/score?category=parts&{query}", ServerFixture.Image(file))))
            .GetProperty("id").GetInt64();

    private static async Task<JsonNode> NodeAsync(HttpClient client, string address)
        => (await client.GetFromJsonAsync<JsonNode>(address, CancellationToken.None))!;

    private static async Task<SpadeError> ErrorAsync(Func<Task> call) => (await Assert.ThrowsAsync<SpadeException>(call)).Error;

    private static async Task<StatusCode> StatusAsync(Func<Task> call)
        => Assert.IsType<RpcException>((await Assert.ThrowsAsync<SpadeException>(call)).InnerException).StatusCode;
}
