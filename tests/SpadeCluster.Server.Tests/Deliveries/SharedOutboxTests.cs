using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;
using SpadeCluster.Server.Tests.Security;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>Two servers over one PostgreSQL: one of them delivers, and the other continues when it is gone.</summary>
public sealed class SharedOutboxTests : IDisposable
{
    private readonly TestEngines _engines = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-shared-").FullName;

    [PostgresFact]
    public async Task One_server_at_a_time_delivers_the_decisions_of_all()
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        string connection = PrivatePostgres.Start(Path.Combine(_folder, "postgres"));
        try
        {
            await using var receiver = await Receiver.StartAsync(_ => 200);
            string secret = Path.Combine(_folder, "secret"), file = Path.Combine(_folder, "deliveries.json");
            await File.WriteAllTextAsync(secret, OutboxFixture.Secret);
            await File.WriteAllTextAsync(file,
                JsonSerializer.Serialize(new[] { new { name = "mes", url = receiver.Address, secret_file = secret } }));
            var store = new InMemoryGalleryStore();
            var galleries = new GalleryService(store, _engines, "setup", 1);
            await galleries.AddAsync("discs",
                (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, 5).Select(i => new ImageSource($"{i}", Part.Good(i)))]);
            await galleries.CalibrateAsync("discs", SpadeCluster.Scoring.ScoringOptions.DefaultFor(3) with { Alpha = 0.2 });
            var first = await StartAsync(store, connection, file);
            await using var second = await StartAsync(store, connection, file);
            using var other = second.Service<ServerDatabase>().TryLease("another");
            Assert.True(other!.IsHeld());
            Assert.Null(first.Service<ServerDatabase>().TryLease("another"));

            var received = new List<long>();
            long newest = 0;
            using (var atFirst = Client(first))
            {
                for (int i = 0; i < 8; i++) newest = await ScoreAsync(i % 2 == 0 ? atFirst : Client(second));
                await ReceiveAsync();
            }
            Assert.Equal(received.Order(), received);
            Assert.Equal(8, received.Distinct().Count());
            await first.StopAsync();
            await first.DisposeAsync();
            newest = await ScoreAsync(Client(second));
            await ReceiveAsync();
            Assert.Equal(9, received.Distinct().Count());
            Assert.Equal(received.Distinct(), received);

            async Task<long> ScoreAsync(HttpClient client) => (await ApiTests.Json(await client.PostAsync("/v1/score?category=discs&line=A",
                ServerFixture.Image(Part.Good(1))))).GetProperty("id").GetInt64();

            async Task ReceiveAsync()
            {
                while (received.Count == 0 || received[^1] != newest) received.Add((await receiver.NextAsync()).Number);
            }
        }
        finally
        {
            PrivatePostgres.Stop(Path.Combine(_folder, "postgres"));
        }
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<WebApplication> StartAsync(IGalleryStore store, string connection, string deliveries)
    {
        var app = TestServer.Create(new ServerOptions
        {
            Urls = ["http://127.0.0.1:0"],
            DataFolder = Path.Combine(_folder, "data"),
            Database = connection,
            Deliveries = deliveries
        }, store, _engines);
        await app.StartAsync();
        return app;
    }

    private static HttpClient Client(WebApplication app) => new() { BaseAddress = new Uri(app.Urls.First()) };
}
