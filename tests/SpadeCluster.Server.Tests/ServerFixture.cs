using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Server.Tests;

/// <summary>A real server on a free loopback port, with a calibrated category 'discs', an uncalibrated one 'other', and a
/// key of each kind.</summary>
public class ServerFixture : IAsyncLifetime
{
    private readonly TestEngines _engines = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-server-").FullName;

    internal WebApplication App { get; private set; } = null!;
    internal string Address { get; private set; } = "";
    internal string GrpcAddress { get; private set; } = "";
    internal string Viewer { get; private set; } = "";
    internal string Operator { get; private set; } = "";
    internal string Engineer { get; private set; } = "";
    internal string Scoped { get; private set; } = "";
    internal string Expired { get; private set; } = "";
    internal string Revoked { get; private set; } = "";
    internal string Folder => _folder;

    /// <summary>A decision on a defective disc.</summary>
    internal long Decision { get; private set; }

    protected virtual bool WithKeys => true;

    /// <summary>Orleans' dashboard.</summary>
    protected virtual bool WithPages => false;

    private protected virtual Task<ServerOptions> ConfigureAsync(ServerOptions options) => Task.FromResult(options);

    public async Task InitializeAsync()
    {
        var store = new FileGalleryStore(Path.Combine(_folder, "galleries"));
        GalleryService Galleries(string author) =>
            new(store, _engines, author, 1, thumbnail: i => Thumbnail.Encode(i, GalleryService.MaxThumbnailBytes));
        foreach (string category in new[] { "discs", "other" })
        {
            var galleries = Galleries("setup");
            await galleries.AddAsync(category,
                (IReadOnlyList<ImageSource>)[.. Enumerable.Range(0, category == "discs" ? 10 : 3)
                    .Select(i => new ImageSource($"good-{i}.png", Part.Good(i)))]);
            await galleries.CalibrateAsync(category, ScoringOptions.DefaultFor(3) with { Alpha = 0.1 });
        }
        var options = new ServerOptions
        {
            Urls = ["http://127.0.0.1:0"],
            GrpcUrls = ["http://127.0.0.1:0"],
            DataFolder = Path.Combine(_folder, "data"),
            MaxBodyBytes = 4 << 20
        };
        App = TestServer.Create(await ConfigureAsync(options), store, _engines, pages: WithPages);
        await App.StartAsync();
        (Address, GrpcAddress) = (App.Urls.First(), App.Urls.Last());
        if (WithKeys)
        {
            var keys = App.Services.GetRequiredService<ApiKeyStore>();
            Viewer = (await keys.CreateAsync("viewer", Role.Viewer, [])).Text;
            Operator = (await keys.CreateAsync("operator", Role.Operator, [])).Text;
            Engineer = (await keys.CreateAsync("engineer", Role.Engineer, [])).Text;
            Scoped = (await keys.CreateAsync("scoped", Role.Engineer, ["other"])).Text;
            var yesterday = new ApiKeyStore(App.Services.GetRequiredService<ServerDatabase>(),
                new SetClock(DateTimeOffset.UtcNow.AddDays(-1)));
            Expired = (await yesterday.CreateAsync("expired", Role.Engineer, [], DateTimeOffset.UtcNow.AddSeconds(-1))).Text;
            (Revoked, var revoked) = await keys.CreateAsync("revoked", Role.Engineer, []);
            await keys.RevokeAsync(revoked.Id);
        }
        using var client = Client(Operator);
        var answer = await client.PostAsync("/v1/score?category=discs&line=L1", Image(Part.Defective(100)));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Decision = long.Parse(answer.Headers.Location!.ToString().Split('/')[^1], System.Globalization.CultureInfo.InvariantCulture);
    }

    public async Task DisposeAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    internal HttpClient Client(string? key)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress =
            new Uri(Address)
        };
        if (!string.IsNullOrEmpty(key)) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    internal static ByteArrayContent Image(byte[] file, string type = "image/png") =>
        new(file) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
}

/// <summary>The same without any key: open to this machine.</summary>
public sealed class OpenServerFixture : ServerFixture
{
    protected override bool WithKeys => false;
}
