using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>A server that delivers to a webhook in this process.</summary>
public sealed class DeliveringFixture : ServerFixture
{
    internal Receiver Receiver { get; private set; } = null!;

    /// <summary>The status for the next deliveries.</summary>
    internal Func<Received, int> Answer { get; set; } = _ => 200;

    private protected override async Task<ServerOptions> ConfigureAsync(ServerOptions options)
    {
        Receiver = await Receiver.StartAsync(r => Answer(r));
        string secret = Path.Combine(Folder, "secret"), file = Path.Combine(Folder, "deliveries.json");
        await File.WriteAllTextAsync(secret, OutboxFixture.Secret);
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new[] { new
        {
            name = "mes", url = Receiver.Address + "/hook?token=hidden", secret_file = secret, picture = "overlay",
            verdicts = new[] { "defect" },
        } }));
        return options with { Deliveries = file };
    }

    internal async Task StopReceiverAsync() => await Receiver.DisposeAsync();
}

public sealed class WebhookTests(DeliveringFixture server) : IClassFixture<DeliveringFixture>, IAsyncLifetime
{
    [Fact]
    public async Task Defects_are_delivered_signed_with_their_picture_and_in_order()
    {
        var first = await server.Receiver.NextAsync();
        Assert.Equal(server.Decision, first.Number);
        using var client = server.Client(server.Operator);
        var ids = new List<long>();
        // Good parts are not wanted; the second delivery fails once and holds back the third.
        int fails = 1;
        server.Answer = r => ids.Count > 1 && r.Number == ids[1] && Interlocked.Decrement(ref fails) >= 0 ? 503 : 204;
        foreach (byte[] part in new[] { Part.Defective(1), Part.Good(2), Part.Defective(3), Part.Defective(4) })
        {
            var decision = await ApiTests.Json(await client.PostAsync("/v1/score?category=discs&line=L1&serial_number=s",
                ServerFixture.Image(part)));
            if (decision.GetProperty("score").GetProperty("verdict").GetString() == "defect")
                ids.Add(decision.GetProperty("id").GetInt64());
        }
        Assert.Equal(3, ids.Count);
        var received = new List<Received>();
        while (received.Count == 0 || received[^1].Number != ids[2]) received.Add(await server.Receiver.NextAsync());
        Assert.Equal(ids, received.Select(r => r.Number).Distinct());

        foreach (var one in received)
        {
            Assert.Equal($"mes-{one.Number}", one.Id);
            byte[] signed = [.. Encoding.UTF8.GetBytes($"{one.Id}.{one.Timestamp}."), .. one.Body];
            byte[] key = Convert.FromBase64String(OutboxFixture.Secret["whsec_".Length..]);
            Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}", one.Signature);
            var sent = DateTimeOffset.FromUnixTimeSeconds(long.Parse(one.Timestamp, CultureInfo.InvariantCulture));
            Assert.InRange(sent, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(1));
        }
        var last = received[^1];
        Assert.Equal("application/cloudevents+json", last.ContentType);
        Assert.Equal(("1.0", "spade.decision", last.Id, "L1/discs"), (last.Event.GetProperty("specversion").GetString(),
            last.Event.GetProperty("type").GetString(), last.Event.GetProperty("id").GetString(),
            last.Event.GetProperty("subject").GetString()));
        // The decision as the API has it.
        var logged = await ApiTests.Json(await client.GetAsync($"/v1/results/{last.Number}"));
        foreach (var property in logged.EnumerateObject())
            Assert.Equal(property.Value.GetRawText(), last.Decision.GetProperty(property.Name).GetRawText());
        var picture = last.Decision.GetProperty("picture");
        Assert.Equal("image/png", picture.GetProperty("media_type").GetString());
        var overlay = ImageReader.Default.Decode(picture.GetProperty("base64").GetBytesFromBase64(), "overlay.png");
        var input = server.App.Service<DecisionPictures>().Input(server.App.Service<DecisionLog>().Get(last.Number));
        Assert.Equal((input.Width, input.Height), (overlay.Width, overlay.Height));
        Assert.NotEqual(input.Pixels, overlay.Pixels);
    }

    [Fact]
    public async Task State_and_readiness_tell_what_waits_and_scoring_goes_on()
    {
        server.Answer = _ => 500;
        using var client = server.Client(server.Operator);
        (await client.PostAsync("/v1/score?category=discs&line=waits", ServerFixture.Image(Part.Defective(5)))).EnsureSuccessStatusCode();
        (await client.PostAsync("/v1/score?category=discs&line=waits", ServerFixture.Image(Part.Defective(6)))).EnsureSuccessStatusCode();
        var outbox = (await ApiTests.Json(await client.GetAsync("/v1/state"))).GetProperty("outbox").EnumerateArray().Single();
        Assert.Equal(("mes", true), (outbox.GetProperty("destination").GetString(), outbox.GetProperty("waiting").GetInt64() >= 2));
        // As if an hour had passed.
        await server.App.Service<ServerDatabase>().WriteAsync(c =>
            c.Execute("UPDATE outbox SET time = $time", ("$time", DateTimeOffset.UtcNow.AddHours(-1))));
        var report = await client.GetAsync("/v1/health/ready");
        Assert.Equal(HttpStatusCode.OK, report.StatusCode);
        string text = await report.Content.ReadAsStringAsync();
        Assert.Contains("degraded", text, StringComparison.Ordinal);
        Assert.Contains("decisions wait for destination 'mes'", text, StringComparison.Ordinal);
        var notices = await ApiTests.Json(await client.GetAsync("/v1/notices?category=discs"));
        Assert.Contains(notices.EnumerateArray(), n => n.GetProperty("code").GetString() == "undelivered");
        server.Answer = _ => 200;
    }

    [Fact]
    public async Task Redirects_are_not_followed_and_secrets_do_not_appear_in_problems()
    {
        await using var receiver = await Receiver.StartAsync(_ => 307);
        string secret = Path.Combine(server.Folder, "secret");
        var destination = new Destination("away", receiver.Address + "/hook?token=hidden") { SecretFile = secret };
        await using var sender = new WebhookSender(destination, TimeProvider.System);
        var e = await Assert.ThrowsAsync<DeliveryException>(() => sender.SendAsync(new Delivery("id", "L", "c", [1]), default));
        Assert.False(e.Refused);
        Assert.Equal("id", (await receiver.NextAsync()).Id);
        await receiver.DisposeAsync();
        var gone = await Assert.ThrowsAsync<DeliveryException>(() => sender.SendAsync(new Delivery("id", "L", "c", [1]), default));
        Assert.All([e.Message, gone.Message], m => Assert.DoesNotContain("hidden", m, StringComparison.Ordinal));
    }

    [Theory, InlineData(400, true), InlineData(422, true), InlineData(401, false), InlineData(404, false), InlineData(429, false),
        InlineData(500, false)]
    public async Task Only_answers_about_the_event_itself_are_refusals(int status, bool refused)
    {
        await using var receiver = await Receiver.StartAsync(_ => status);
        await using var sender = new WebhookSender(
            new Destination("d", receiver.Address) { SecretFile = Path.Combine(server.Folder, "secret") }, TimeProvider.System);
        var e = await Assert.ThrowsAsync<DeliveryException>(() => sender.SendAsync(new Delivery("id", "L", "c", [1]), default));
        Assert.Equal(refused, e.Refused);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync()
    {
        server.Answer = _ => 200;
        return Task.CompletedTask;
    }
}
