using System.Globalization;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Tests;

/// <summary>A server with a category 'large', whose photographs of 800x400 pixels are searched in tiles.</summary>
public sealed class LargePartsFixture : ServerFixture, IAsyncLifetime
{
    internal TileGrid Grid { get; private set; } = null!;

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        using var client = Client(Engineer);
        var form = new MultipartFormDataContent();
        for (int i = 0; i < 8; i++) form.Add(Image(Part.Large(i)), "image", $"large-{i.ToString(CultureInfo.InvariantCulture)}.png");
        (await client.PostAsync("/v1/galleries/large/images", form)).EnsureSuccessStatusCode();
        Grid = GalleryTiles.Of(await App.Service<IGalleryServices>().For("test").GetAsync("large")).Grid;
    }

    /// <summary>Scores a photograph; returns the decision.</summary>
    internal async Task<long> ScoreAsync(byte[] photograph)
    {
        using var client = Client(Operator);
        return (await ApiTests.Json(await client.PostAsync("/v1/score?category=large", Image(photograph)))).GetProperty("id").GetInt64();
    }

    /// <summary>Waits until a change in the background has its thresholds.</summary>
    internal async Task CalibratedAsync(string category)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        int? seen = null;
        do seen = await App.Service<IVersionWatch>().WaitAsync(category, seen, limit.Token);
        while ((await App.Service<IGalleryServices>().For("test").GetAsync(category, limit.Token)).Calibration is null);
    }
}
