using SpadeCluster.Galleries;

namespace SpadeCluster.Scoring;

/// <summary>
/// Finds out whether parts are always in the same position. For each tile of a normal, the nearest tile of all other normals is searched.
/// If it is at the same position for most tiles, tiles are compared with that position only, so that a defect does not match what is normal
/// in another position. Otherwise, for example on a texture, tiles are compared with all positions.
/// </summary>
public static class TileAlignment
{
    private const double Majority = 0.5;
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
            ImageId[] rows = [.. Enumerable.Range(0, grid.Columns * grid.Rows).Select(id.Row)];
            float[][] pooled = await store.ReadPooledAsync(manifest.Category, rows, manifest.Model, cancellationToken);
            for (int tile = 0; tile < rows.Length; tile++)
            {
                int found = await gallery.Coordinator.NearestTileAsync(pooled[tile], id, cancellationToken);
                if (found == tile) same++;
                if (grid.Near(tile, 1).Contains(found)) near++;
                all++;
            }
        }
        return same > Majority * all ? 0 : near > Majority * all && grid.Near(0, 1).Count < grid.Columns * grid.Rows
            ? 1 : ScoringOptions.Anywhere;
    }
}
