using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// Finds out whether parts lie alike in their photographs. Each tile of a normal looks for the nearest tile of any other normal,
/// wherever on the part. Where most find it at their own position, tiles are compared with that position only: a defect must not be
/// excused by what is right elsewhere. Where they find it anywhere, as on a texture, they are compared with everything.
/// </summary>
public static class TileAlignment
{
    private const double Most = 0.5;
    private const int Photographs = 50;

    /// <returns>A <see cref="ScoringOptions.TileReach"/>: 0, 1 or <see cref="ScoringOptions.Anywhere"/>.</returns>
    public static async ValueTask<int> ReachAsync(IGalleryStore store, OpenGallery gallery, CancellationToken cancellationToken = default)
    {
        var manifest = gallery.Manifest;
        var grid = GalleryTiles.Of(manifest).Grid;
        int photographs = Math.Min(manifest.Images.Count, Photographs), same = 0, near = 0, all = 0;
        for (int i = 0; i < photographs; i++)
        {
            var id = manifest.Images[(int)((long)i * manifest.Images.Count / photographs)].Id;
            ImageId[] rows = [.. Enumerable.Range(0, grid.Columns * grid.Rows).Select(id.Tile)];
            float[][] pooled = await store.ReadPooledAsync(manifest.Category, rows, manifest.Model, cancellationToken);
            for (int tile = 0; tile < rows.Length; tile++)
            {
                int found = await gallery.Coordinator.NearestTileAsync(pooled[tile], id, cancellationToken);
                if (found == tile) same++;
                if (grid.Near(tile, 1).Contains(found)) near++;
                all++;
            }
        }
        return same > Most * all ? 0 : near > Most * all && grid.Near(0, 1).Count < grid.Columns * grid.Rows ? 1 : ScoringOptions.Anywhere;
    }
}
