using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cli.Output;

/// <summary>What a gallery takes, said before it is built, so that a wrong folder or a small disk is noticed in time.</summary>
internal static class BuildForecast
{
    /// <param name="photographs">How many are to be added.</param>
    /// <param name="where">Where the bytes go, for the text.</param>
    public static async Task WriteAsync(string photographs, int count, FeatureEngine engine, IGalleryStore store, string where)
    {
        var (model, preprocessing) = (engine.Extractor.Model, engine.Preparer.Description);
        int tiles = count * TileGrid.Of(model, preprocessing).RowCount;
        double megabytes = tiles * store.BytesPerImage(model) / 1e6, seconds = await SecondsAsync(engine.Extractor, tiles);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{photographs}, {preprocessing}: {megabytes:0.0} MB at most {where}, about {seconds:0} s"));
    }

    /// <summary>A pass of the network for each tile, and about as long for each to find its match when thresholds are learnt.</summary>
    private static async Task<double> SecondsAsync(IFeatureExtractor extractor, int tiles)
    {
        var model = extractor.Model;
        var (image, features) = (new RgbImage(model.InputWidth, model.InputHeight), new ImageFeatures(model));
        long start = 0;
        // Once to warm it up.
        for (int i = 0; i < 2; i++)
        {
            start = Stopwatch.GetTimestamp();
            await extractor.ExtractAsync([image], [features]);
        }
        return 2 * tiles * Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
