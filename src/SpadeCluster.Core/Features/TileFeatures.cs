namespace SpadeCluster.Features;

/// <summary>The features of one tile that galleries and searches use.</summary>
public sealed record TileFeatures(float[] Pooled, FeaturePyramid Pyramid)
{
    /// <summary>Tiles that are extracted together: enough to keep a device busy, and few enough for its memory.</summary>
    private const int Batch = 8;

    /// <summary>The features of all tiles of a photograph, in their order.</summary>
    public static async ValueTask<TileFeatures[]> ExtractAsync(IFeatureExtractor extractor, PreparedImage prepared,
        CancellationToken cancellationToken = default)
    {
        var tiles = new TileFeatures[prepared.Tiles.Count];
        var buffers = Enumerable.Range(0, Math.Min(Batch, tiles.Length)).Select(_ => new ImageFeatures(extractor.Model)).ToArray();
        for (int first = 0; first < tiles.Length; first += Batch)
        {
            int count = Math.Min(Batch, tiles.Length - first);
            RgbImage[] images = [.. Enumerable.Range(first, count).Select(prepared.Tile)];
            await extractor.ExtractAsync(images, buffers[..count], cancellationToken);
            int from = first;
            Parallel.For(0, count, i => tiles[from + i] = new TileFeatures([.. buffers[i].Pooled], FeaturePyramid.From(buffers[i])));
        }
        return tiles;
    }
}
