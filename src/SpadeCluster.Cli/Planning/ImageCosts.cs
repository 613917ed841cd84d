namespace SpadeCluster.Cli.Planning;

/// <summary>What one image costs, from the unit figures: milliseconds of a processor by stage, and bytes between roles.</summary>
internal sealed record ImageCosts
{
    private const double MatchBytes = 12, NeighbourBytes = 12;

    private ImageCosts() { }

    public double Prepare { get; private init; }

    /// <summary>On a processor or a device.</summary>
    public double Extract { get; private init; }

    /// <summary>In all shards together.</summary>
    public double ImageSearch { get; private init; }

    /// <summary>If the image is localised, in all shards together.</summary>
    public double PixelSearch { get; private init; }

    /// <summary>If the image is localised: merging and map.</summary>
    public double Map { get; private init; }

    public double Answer { get; private init; }

    /// <summary>Of messages with extractors in other silos, at each end.</summary>
    public double SerialiseTiles { get; private init; }

    /// <summary>Of messages with gallery silos, at the gateway.</summary>
    public double SerialiseSearches { get; private init; }

    /// <summary>Of the same messages, at the gallery silos.</summary>
    public double ReceiveSearches { get; private init; }

    /// <summary>The photograph's file.</summary>
    public double FileBytes { get; private init; }

    /// <summary>Prepared tiles, to extractors in other silos.</summary>
    public double TileBytes { get; private init; }

    /// <summary>Features, from them.</summary>
    public double FeatureBytes { get; private init; }

    /// <summary>Pooled features, and pyramids where the image is localised, to gallery silos.</summary>
    public double QueryBytes { get; private init; }

    /// <summary>Neighbours and matches, from them.</summary>
    public double FoundBytes { get; private init; }

    /// <summary>To and from gallery silos.</summary>
    public double SearchBytes => QueryBytes + FoundBytes;

    public static ImageCosts Of(UnitFigures f, PlannedLoad load, double? deviceMs)
    {
        var (model, format, t) = (f.Model, f.Format(load.Format), load.Tiles);
        int k = Math.Min(load.Neighbours, load.Rows);
        double pyramid = model.Levels.Sum(s => 2.0 * s.Length), pooled = 4.0 * model.PooledLength;
        double pyramids = load.Localised * load.ShardsWithNeighbours;
        double tiles = 3.0 * model.InputWidth * model.InputHeight * t;
        // With the policy 'gate', the pyramid is fetched where it is needed.
        double features = t * (pooled + load.Localised * pyramid);
        double queries = t * (load.Shards * pooled + pyramids * pyramid);
        double found = t * (load.Shards * NeighbourBytes * Math.Min(k, (load.Rows + load.Shards - 1) / load.Shards)
            + pyramids * MatchBytes * model.Levels[0].Cells);
        return new ImageCosts
        {
            Prepare = load.Megapixels * format.MsPerMegapixel + t * f.PrepareMs,
            Extract = t * (deviceMs ?? f.ExtractMs),
            ImageSearch = t * f.ImageSearchMs * load.Rows / 1000,
            PixelSearch = t * (load.ShardsWithNeighbours * f.PixelSearchMs + k * f.PixelSearchMsPerNeighbour),
            Map = t * (f.MapMs + (load.ShardsWithNeighbours - 1) * f.MergeMs),
            Answer = f.AnswerMs,
            SerialiseTiles = (tiles + features) / 1e6 * f.SerialiseMsPerMegabyte,
            SerialiseSearches = (queries + found) / 1e6 * f.SerialiseMsPerMegabyte,
            ReceiveSearches = (queries + found) / 1e6 * (f.GalleryMsPerMegabyte ?? f.SerialiseMsPerMegabyte),
            FileBytes = load.Megapixels * format.BytesPerMegapixel,
            TileBytes = tiles,
            FeatureBytes = features,
            QueryBytes = queries,
            FoundBytes = found,
        };
    }
}
