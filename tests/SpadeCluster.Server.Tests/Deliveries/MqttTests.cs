using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using SpadeCluster.Server.Deliveries;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>Deliveries to Debian's broker, as its own client receives them.</summary>
public sealed class MqttTests(OpenServerFixture server) : IClassFixture<OpenServerFixture>
{
    private static readonly Delivery Event = new("mes-7", "L1", "caps", "{\"id\":\"mes-7\"}"u8.ToArray());

    [MosquittoFact]
    public async Task Decisions_of_spade_serve_arrive_by_line_and_category_and_its_death_is_told()
    {
        using var broker = await Mosquitto.StartAsync(server.Folder, "allow_anonymous true");
        await using var decisions = broker.SubscribeTo("plant/decisions/#");
        await decisions.NextAsync("Subscribed");
        await using var status = broker.SubscribeTo("plant/status/#");
        await status.NextAsync("Subscribed");
        string file = Path.Combine(server.Folder, "mqtt.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new[] { new
        {
            name = "mes", url = $"mqtt://127.0.0.1:{broker.Port.ToString(CultureInfo.InvariantCulture)}", topic = "plant",
        } }));
        var (process, address) = await ServerProcess.StartAsync(server.Folder, Path.Combine(server.Folder, "mqtt"),
            ["--deliveries", file]);
        using (process)
        {
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            foreach (string line in new[] { "L1", "L2" })
            {
                var decision = await ApiTests.Json(await client.PostAsync($"/v1/score?category=discs&line={line}",
                    ServerFixture.Image(Part.Good(1))));
                string start = $"plant/decisions/{line}/discs ", text = await decisions.NextAsync(start);
                var got = JsonSerializer.Deserialize<JsonElement>(text[start.Length..]);
                Assert.Equal($"mes-{decision.GetProperty("id").GetRawText()}", got.GetProperty("id").GetString());
                Assert.Equal(decision.GetProperty("digest").GetString(), got.GetProperty("data").GetProperty("digest").GetString());
            }
            await status.NextAsync("plant/status/mes online");
            process.Kill();
            await process.WaitForExitAsync();
            // The broker publishes the last will.
            await status.NextAsync("plant/status/mes offline");
        }
    }

    [MosquittoFact]
    public async Task A_password_opens_the_broker_and_a_wrong_one_does_not()
    {
        string passwords = Path.Combine(server.Folder, "passwords"), right = Path.Combine(server.Folder, "right"),
            wrong = Path.Combine(server.Folder, "wrong");
        using (var make = System.Diagnostics.Process.Start("mosquitto_passwd", ["-b", "-c", passwords, "spade", "open"]))
            await make.WaitForExitAsync();
        await File.WriteAllTextAsync(right, "open\n");
        await File.WriteAllTextAsync(wrong, "closed\n");
        using var broker = await Mosquitto.StartAsync(server.Folder, "allow_anonymous false", $"password_file {passwords}");
        string url = $"mqtt://127.0.0.1:{broker.Port.ToString(CultureInfo.InvariantCulture)}";
        await using var refused = new MqttSender(new Destination("mes", url) { User = "spade", PasswordFile = wrong });
        var e = await Assert.ThrowsAsync<DeliveryException>(() => refused.SendAsync(Event, default));
        Assert.DoesNotContain("closed", e.ToString(), StringComparison.Ordinal);
        Assert.False(e.Refused);
        await using var subscription = broker.SubscribeTo("spade/#", "-u", "spade", "-P", "open");
        await subscription.NextAsync("Subscribed");
        await using var sender = new MqttSender(new Destination("mes", url) { User = "spade", PasswordFile = right });
        await sender.SendAsync(Event, default);
        await subscription.NextAsync("spade/decisions/L1/caps {\"id\":\"mes-7\"}");
        // It connects again by itself when the broker was away.
        await broker.KillAndStartAsync();
        for (int tries = 0; ; tries++)
        {
            try
            {
                await sender.SendAsync(Event, default);
                break;
            }
            catch (DeliveryException) when (tries < 100)
            {
                // The connection's loss is noticed with the first delivery at the latest.
            }
        }
    }

    [MosquittoFact]
    public async Task Tls_needs_the_authority_of_the_settings()
    {
        var (authority, certificate, key) = WriteCertificates();
        using var broker = await Mosquitto.StartAsync(server.Folder, "allow_anonymous true", $"certfile {certificate}", $"keyfile {key}");
        string url = $"mqtts://localhost:{broker.Port.ToString(CultureInfo.InvariantCulture)}";
        await using var stranger = new MqttSender(new Destination("mes", url));
        await Assert.ThrowsAsync<DeliveryException>(() => stranger.SendAsync(Event, default));
        await using var sender = new MqttSender(new Destination("mes", url) { CaFile = authority });
        await sender.SendAsync(Event, default);
        await using var other = new MqttSender(new Destination("mes", url.Replace("localhost", "127.0.0.1", StringComparison.Ordinal))
        {
            CaFile = authority,
        });
        // The certificate names localhost only.
        await Assert.ThrowsAsync<DeliveryException>(() => other.SendAsync(Event, default));
    }

    private (string Authority, string Certificate, string Key) WriteCertificates()
    {
        var now = DateTimeOffset.UtcNow;
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=plant", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(9));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var child = new CertificateRequest("CN=broker", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        child.CertificateExtensions.Add(names.Build());
        using var certificate = child.Create(authority, now.AddDays(-1), now.AddDays(8), [1, 2, 3, 4]);
        return (Write("ca.pem", authority.ExportCertificatePem()), Write("broker.pem", certificate.ExportCertificatePem()),
            Write("broker.key", key.ExportPkcs8PrivateKeyPem()));

        string Write(string name, string text)
        {
            string path = Path.Combine(server.Folder, name);
            File.WriteAllText(path, text);
            return path;
        }
    }
}
