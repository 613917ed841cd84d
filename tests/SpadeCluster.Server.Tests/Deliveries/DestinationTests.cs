using System.Text;
using SpadeCluster.Server.Deliveries;

namespace SpadeCluster.Server.Tests.Deliveries;

public sealed class DestinationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-destination-").FullName;

    [Fact]
    public void Every_setting_is_read()
    {
        File.WriteAllText(Path.Combine(_folder, "secret"), OutboxFixture.Secret + "\n\n" + OutboxFixture.Secret + "\n");
        var destination = Assert.Single(Read("""
            {"name": "mes", "url": "https://mes.example/hook", "secret_file": "FOLDER/secret", "verdicts": ["defect"],
             "categories": ["caps"], "lines": ["L1"], "picture": "overlay", "per_second": 2.5, "give_up_hours": 1.5, "max_waiting": 7}
            """));
        Assert.Equal((DeliveredPicture.Overlay, 2.5, TimeSpan.FromHours(1.5), 7),
            (destination.Picture, destination.PerSecond, destination.GiveUpAfter, destination.MaxWaiting));
        Assert.True(destination.Wants("defect", "caps", "L1"));
        Assert.False(destination.Wants("good", "caps", "L1") || destination.Wants("defect", "discs", "L1")
            || destination.Wants("defect", "caps", "L2") || destination.Wants(null, "caps", "L1"));
        Assert.Equal(2, WebhookSignature.ReadSecrets(destination).Count);
        Assert.Empty(Destination.ReadFile(null));
    }

    [Theory]
    [InlineData("""{"name": "mes", "url": "http://mes.example/hook", "secret_file": "FOLDER/secret"}""", "without encryption"),
        InlineData("""{"name": "mes", "url": "mqtt://broker"}""", "without encryption"),
        InlineData("""{"name": "mes", "url": "https://user:word@mes.example", "secret_file": "FOLDER/secret"}""",
            "must not hold a password"),
        InlineData("""{"name": "mes", "url": "file:///etc/passwd"}""", "https://"),
        InlineData("""{"name": "mes", "url": "https://mes.example"}""", "secret_file"),
        InlineData("""{"name": "mes", "url": "https://mes.example", "secret_file": "FOLDER/short"}""", "whsec_"),
        InlineData("""{"name": "mes", "url": "https://mes.example", "secret_file": "FOLDER/none"}""", "FOLDER/none"),
        InlineData("""{"name": "mes", "url": "https://mes.example", "secret_file": "FOLDER/secret", "user": "me"}""", "password_file"),
        InlineData("""{"name": "mes", "url": "mqtts://broker", "topic": "spade/#"}""", "wildcards"),
        InlineData("""{"name": "mes", "url": "mqtts://broker", "verdicts": ["bad"]}""", "'bad'"),
        InlineData("""{"name": "mes", "url": "mqtts://broker", "per_second": 0}""", "per_second"),
        InlineData("""{"name": "mes", "url": "mqtts://broker", "max_waiting": 0}""", "max_waiting"),
        InlineData("""{"name": "mes", "url": "mqtts://broker", "give_up_hours": 1000}""", "give_up_hours"),
        InlineData("""{"name": "mes", "url": "mqtts://broker", "retries": 3}""", "retries"),
        InlineData("""{"url": "mqtts://broker"}""", "name"),
        InlineData("""{"name": "a", "url": "mqtts://broker"}, {"name": "a", "url": "mqtts://broker"}""", "'a'")]
    public void Unsafe_and_unknown_settings_are_refused_in_one_sentence(string json, string part)
    {
        File.WriteAllText(Path.Combine(_folder, "secret"), OutboxFixture.Secret);
        File.WriteAllText(Path.Combine(_folder, "short"), "whsec_c2hvcnQ=");
        var e = Assert.Throws<SpadeException>(() => Read(json));
        Assert.Contains(part.Replace("FOLDER", _folder, StringComparison.Ordinal), e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(OutboxFixture.Secret, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    /// <summary>The published example of the Standard Webhooks specification.</summary>
    [Fact]
    public void The_signature_is_that_of_standard_webhooks()
    {
        File.WriteAllText(Path.Combine(_folder, "secret"), OutboxFixture.Secret);
        var secrets = WebhookSignature.ReadSecrets(new Destination("mes", "https://mes") { SecretFile = Path.Combine(_folder, "secret") });
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookSignature.Sign(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330, Encoding.UTF8.GetBytes("{\"test\": 2432232314}")));
        Assert.Equal(2, WebhookSignature.Sign([secrets[0], secrets[0]], "id", 1, []).Split(' ').Length);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IReadOnlyList<Destination> Read(string entries)
    {
        string path = Path.Combine(_folder, "deliveries.json");
        File.WriteAllText(path, $"[{entries.Replace("FOLDER", _folder, StringComparison.Ordinal)}]");
        return Destination.ReadFile(path);
    }
}
