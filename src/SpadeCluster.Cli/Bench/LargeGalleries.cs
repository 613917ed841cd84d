using System.Collections.Concurrent;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Bench;

/// <summary>
/// Galleries of rendered panels: one of whole panels in tiles, and some of what single tiles of them show. A gallery that is in the folder
/// already is used again.
/// </summary>
internal sealed class LargeGalleries
{
    /// <summary>Tiles that have a gallery of their own: contents differ, and so does the time of a search.</summary>
    private const int Places = 4;

    private const int FirstSeed = 1000;

    private readonly Engines _engines;
    private readonly Preprocessing _tiled;
    private readonly int _normals;
    private readonly ConcurrentDictionary<int, RgbImage[]> _parts = new();

    /// <param name="folder">Where the galleries are.</param>
    /// <param name="grid">Tiles of a panel.</param>
    public LargeGalleries(string folder, Engines engines, TileGrid grid, int normals)
    {
        (_engines, _tiled, _normals) = (engines, Preprocessing.Of(grid), normals);
        Store = new FileGalleryStore(folder);
        string name = $"{grid.Columns}x{grid.Rows}-{normals}";
        Panels = $"panels-{name}";
        Parts = [.. Enumerable.Range(0, Math.Min(Places, grid.Columns * grid.Rows)).Select(place => $"part-{name}-{place}")];
    }

    public FileGalleryStore Store { get; }

    /// <summary>Category of the whole panels.</summary>
    public string Panels { get; }

    /// <summary>Categories of single tiles' contents.</summary>
    public IReadOnlyList<string> Parts { get; }

    /// <summary>Bytes of the files of <see cref="Panels"/>.</summary>
    public long PanelBytes => new DirectoryInfo(Path.Combine(Store.Root, Panels)).EnumerateFiles("*", SearchOption.AllDirectories)
        .Sum(file => file.Length);

    /// <summary>The parts of a panel that belong to <see cref="Parts"/>.</summary>
    public RgbImage[] Cut(RgbImage panel) => [.. Enumerable.Range(0, Parts.Count).Select(place =>
    {
        var grid = _tiled.Tiles;
        // On the diagonal, so that border and middle are among them.
        var (x, y) = grid.Origin(place * (grid.Columns * grid.Rows - 1) / Math.Max(1, Parts.Count - 1));
        return Resampler.Crop(panel, _tiled.ToOriginal(new PixelBox(x, y, grid.TileWidth, grid.TileHeight), panel.Width, panel.Height));
    })];

    /// <param name="progress">Gets what is being done.</param>
    public async Task BuildAsync(Action<string> progress, CancellationToken stop)
    {
        await BuildAsync(_engines.Preparing(_ => _tiled.ToString()), Panels, seed =>
        {
            var panel = PanelScene.Photograph(seed, null).Photograph;
            _parts[seed] = Cut(panel);
            return panel;
        }, progress, stop);
        for (int i = 0; i < Parts.Count; i++)
        {
            int place = i;
            await BuildAsync(_engines, Parts[place], seed =>
                _parts.GetOrAdd(seed, s => Cut(PanelScene.Photograph(s, null).Photograph))[place], progress, stop);
        }
        _parts.Clear();
    }

    private async Task BuildAsync(Engines engines, string category, Func<int, RgbImage> normal, Action<string> progress,
        CancellationToken stop)
    {
        if (await Store.ReadCurrentAsync(category, stop) is { Calibration: not null }) return;
        var galleries = engines.Galleries(Store, Environment.UserName);
        int added = 0;
        await galleries.AddAsync(category, [.. Enumerable.Range(FirstSeed, _normals).Select(seed => new ImageSource($"{seed}", _ =>
        {
            if (added++ % 10 == 0) progress($"{category}: normal {added} of {_normals}");
            var image = normal(seed);
            return ValueTask.FromResult(new RawImage($"{seed}", RawFormat.Rgb8, image.Width, image.Height, image.Pixels).Pack());
        }))], cancellationToken: stop);
        progress($"{category}: thresholds");
        await galleries.CalibrateAsync(category, ScoringOptions.DefaultFor(_normals), cancellationToken: stop);
    }
}
