using System.Runtime.CompilerServices;
using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>One tile of a normal photograph, or of a copy of it.</summary>
/// <param name="Photograph">The photograph's id.</param>
/// <param name="Tile">The tile's number on the photograph or copy, row by row.</param>
/// <param name="Orientation">Of the copy.</param>
public readonly record struct GalleryTile(ImageId Photograph, int Tile, Orientation Orientation = Orientation.Original);

/// <summary>
/// The rows of a gallery: one for each tile of each photograph and of each of its copies. A row's id follows from the photograph's id
/// (<see cref="ImageId.Row"/>), so stores and shards treat rows as images, and only the manifest lists photographs.
/// </summary>
public sealed class GalleryTiles
{
    private static readonly ConditionalWeakTable<GalleryManifest, GalleryTiles> Known = [];

    private readonly Dictionary<ImageId, GalleryTile>? _rows;
    private readonly Dictionary<ImageId, GalleryImage>? _photographs;
    private readonly bool[][]? _region;

    private GalleryTiles(TileGrid grid, IReadOnlyList<GalleryImage> photographs, Region? region)
    {
        Grid = grid;
        if (region is not null) _region = [.. Enumerable.Range(0, grid.Count).Select(t => region.Cells(t, grid.Count))];
        if (grid.Letterbox) _photographs = photographs.ToDictionary(p => p.Id);
        if (grid.RowCount == 1)
        {
            Ids = [.. photographs.Select(p => p.Id)];
            return;
        }
        _rows = new(photographs.Count * grid.RowCount);
        foreach (var photograph in photographs)
            for (int row = 0; row < grid.RowCount; row++)
                _rows.Add(photograph.Id.Row(row),
                    new GalleryTile(photograph.Id, row % grid.Count, grid.Orientations[row / grid.Count]));
        Ids = [.. _rows.Keys.Order()];
    }

    public TileGrid Grid { get; }

    /// <summary>Ids of all rows, ascending.</summary>
    public IReadOnlyList<ImageId> Ids { get; }

    public static GalleryTiles Of(GalleryManifest manifest) =>
        Known.GetValue(manifest, m => new GalleryTiles(TileGrid.Of(m.Model, m.Preprocessing), m.Images, m.Region));

    /// <summary>Photographs that are one row each.</summary>
    public static GalleryTiles Whole(FeatureModel model) => new(new TileGrid(model.InputWidth, model.InputHeight), [], null);

    /// <summary>Whether only a region of the photographs is inspected. A position on a photograph is then the same position on every part,
    /// so tiles are compared with their own position only.</summary>
    public bool HasRegion => _region is not null;

    /// <summary>Whether anything of a tile is inspected.</summary>
    public bool Inspects(int tile) => _region is null || Array.Exists(_region[tile], inside => inside);

    /// <summary>[y * Width + x] of the finest level: the cells of a tile that are inspected; null: all.</summary>
    public IReadOnlyList<bool>? Region(int tile) => _region?[tile];

    /// <summary>The photograph, the tile number and the orientation of a row.</summary>
    public GalleryTile this[ImageId row] => _rows is null ? new GalleryTile(row, 0) : _rows[row];

    /// <summary>The part of the grid that a photograph covers.</summary>
    public TileFrame Frame(ImageId photograph) => _photographs is not null && _photographs.TryGetValue(photograph, out var p)
        ? Grid.Frame(p.Width, p.Height) : new TileFrame(0, 0, Grid.Width, Grid.Height);
}
