using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Commands;

/// <summary>How a new category's photographs are resized and cut, as options.</summary>
internal sealed class GeometryOptions
{
    public const string Auto = "auto";

    private readonly Option<string> _tiles = new("--tiles")
    {
        Description = "Tiles that a new category's photographs are cut into, COLUMNSxROWS; 1x1: none; auto: chosen from their sizes.",
        HelpName = "TILES",
        DefaultValueFactory = _ => Auto,
    };
    private readonly Option<int> _budget = CommonOptions.Bounded(new Option<int>("--tile-budget")
    {
        Description = "Highest number of tiles that auto chooses.",
        DefaultValueFactory = _ => TileChoice.Budget,
    }, 1, TileGrid.MaxTiles);
    private readonly Option<int> _tileSize = CommonOptions.Bounded(new Option<int>("--tile-size")
    {
        Description = "Instead of --tiles: pixels of the photograph that a tile shows along its longer side.",
        HelpName = "PIXELS",
    }, 16, 1_000_000);
    private readonly Option<double> _overlap = CommonOptions.Bounded(new Option<double>("--overlap")
    {
        Description = "Share of a tile that its neighbour also covers.",
        HelpName = "SHARE",
        DefaultValueFactory = _ => Math.Round(TileChoice.Overlap, 3),
    }, 0, 0.5);
    private readonly Option<bool> _letterbox = new("--letterbox")
    {
        Description = "Keep the photographs' proportions and fill the free bars with their mirror image, instead of stretching.",
    };
    private readonly Option<string?> _preprocessing = new("--preprocessing")
    {
        Description = "All of this in one text, as printed by 'gallery show': 'stretch 224x224', 'letterbox 224x224 tiles 3x2 overlap 32', "
            + "'shorter-side 256 crop 224x224'.",
        HelpName = "TEXT",
    };

    public GeometryOptions(Command command)
    {
        foreach (var option in All) command.Add(option);
    }

    public bool IsGiven(ParseResult parsed) => All.Any(o => parsed.GetResult(o) is { Implicit: false });

    public IReadOnlyList<Option> All => [_tiles, _budget, _tileSize, _overlap, _letterbox, _preprocessing];

    /// <param name="model">Model of the category.</param>
    /// <param name="files">Its photographs; unreadable ones are ignored.</param>
    /// <returns>The text form of <see cref="Preprocessing"/>.</returns>
    public string Read(ParseResult parsed, FeatureModel model, IReadOnlyList<string> files)
    {
        if (parsed.GetValue(_preprocessing) is { } text) return Preprocessing.Parse(text).ToString();
        return Preprocessing.Of(Grid(parsed, model, files)).ToString();
    }

    /// <summary>Refuses another geometry than the gallery's: photographs in other tiles cannot be compared with it.</summary>
    /// <exception cref="SpadeException">FailedPrecondition: another geometry was requested.</exception>
    public void RefuseOther(ParseResult parsed, GalleryManifest existing, IReadOnlyList<string> files)
    {
        if (!IsGiven(parsed)) return;
        string asked = Read(parsed, existing.Model, files);
        asked = CopyExtensions.ParseFrom(existing.Preprocessing).AppliedTo(asked);
        if (asked != existing.Preprocessing)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{existing.Category}' was built with '{existing.Preprocessing}', not with '{asked}': leave the options of its "
                + "geometry out, or build a new category");
    }

    public static string Choose(FeatureModel model, IReadOnlyList<string> files) =>
        Preprocessing.Of(TileChoice.Choose(model, Sizes(files))).ToString();

    private TileGrid Grid(ParseResult parsed, FeatureModel model, IReadOnlyList<string> files)
    {
        bool Given(Option option) => parsed.GetResult(option) is { Implicit: false };
        string tiles = parsed.GetRequiredValue(_tiles);
        double overlap = parsed.GetValue(_overlap);
        var whole = new TileGrid(model.InputWidth, model.InputHeight, Letterbox: parsed.GetValue(_letterbox));
        if (Given(_tileSize)) return OfSize(whole, model, Sizes(files), parsed.GetValue(_tileSize), overlap);
        if (tiles == Auto)
            return TileChoice.Choose(model, Sizes(files), parsed.GetValue(_budget), overlap) with { Letterbox = whole.Letterbox };
        var (columns, rows) = Counts(tiles);
        return TileChoice.Of(whole, model, columns, rows, overlap);
    }

    /// <summary>Columns and rows of a text such as 6x4.</summary>
    /// <exception cref="SpadeException">InvalidArgument: another text, or too many tiles.</exception>
    public static (int Columns, int Rows) Counts(string tiles)
        => tiles.Split('x') is [var c, var r] && int.TryParse(c, out int columns) && int.TryParse(r, out int rows)
            && columns is >= 1 and <= TileGrid.MaxTiles && rows >= 1 && rows <= TileGrid.MaxTiles / columns ? (columns, rows)
            : throw new SpadeException(SpadeError.InvalidArgument,
                $"--tiles takes auto, or columns and rows such as 3x2, at most {TileGrid.MaxTiles} tiles, not '{tiles}'");

    private static TileGrid OfSize(TileGrid whole, FeatureModel model, IReadOnlyList<(int Width, int Height)> sizes, int pixels,
        double overlap)
    {
        if (sizes.Count == 0) return whole;
        var ordered = sizes.OrderBy(s => (long)s.Width * s.Height).ToList();
        var (width, height) = ordered[ordered.Count / 2];
        int Count(int side) => 1 + (int)Math.Ceiling(Math.Max(0, side - pixels) / (pixels * (1 - overlap)));
        var (columns, rows) = (Count(width), Count(height));
        return columns <= TileGrid.MaxTiles / rows ? TileChoice.Of(whole, model, columns, rows, overlap)
            : throw new SpadeException(SpadeError.InvalidArgument,
                $"--tile-size {pixels} makes {columns}x{rows} tiles of a photograph of {width}x{height} pixels, more than "
                + $"{TileGrid.MaxTiles}: choose a larger one");
    }

    /// <summary>Files are read at once, so nothing is waited for.</summary>
    private static IReadOnlyList<(int Width, int Height)> Sizes(IReadOnlyList<string> files)
        => PhotographSizes.ReadAsync([.. files.Select(Files.Source)]).AsTask().GetAwaiter().GetResult();
}
