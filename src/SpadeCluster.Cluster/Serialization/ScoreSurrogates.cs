using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Serialization;

[GenerateSerializer, Alias("spade.prepared"), Immutable]
internal struct PreparedImageSurrogate
{
    [Id(0)] public int Width;
    [Id(1)] public int Height;
    [Id(2)] public byte[] Pixels;

    /// <summary>The values of <see cref="InputGeometry"/>, in its order.</summary>
    [Id(3)] public int[] Geometry;
}

/// <summary>Without its tiles, which are not needed after the search.</summary>
[RegisterConverter]
internal sealed class PreparedImageConverter : IConverter<PreparedImage, PreparedImageSurrogate>
{
    public PreparedImage ConvertFromSurrogate(in PreparedImageSurrogate s)
        => new(new RgbImage(s.Width, s.Height, s.Pixels),
            new InputGeometry(s.Geometry[0], s.Geometry[1], s.Geometry[2], s.Geometry[3], s.Geometry[4], s.Geometry[5]));

    public PreparedImageSurrogate ConvertToSurrogate(in PreparedImage value)
    {
        var g = value.Geometry;
        return new()
        {
            Width = value.Input.Width,
            Height = value.Input.Height,
            Pixels = value.Input.Pixels,
            Geometry = [g.OriginalWidth, g.OriginalHeight, g.ResizedWidth, g.ResizedHeight, g.Left, g.Top],
        };
    }
}

[GenerateSerializer, Alias("spade.score-result"), Immutable]
internal struct ScoreResultSurrogate
{
    [Id(0)] public double GateDistance;
    [Id(1)] public double? Score;

    /// <summary>Ids and distances, nearest first.</summary>
    [Id(2)] public ulong[] Neighbours;
    [Id(3)] public float[] Distances;

    /// <summary>Null: there is no map.</summary>
    [Id(4)] public byte[]? Map;
    [Id(5)] public int MapWidth;
    [Id(6)] public TileSurrogate[] Tiles;

    /// <summary>Number of pixels that the map's score refers to, then the values of <see cref="TileFrame"/> in its order.</summary>
    [Id(7)] public int[] Frame;

    /// <summary>Eight values per region, in the order of <see cref="AnomalyRegion"/>.</summary>
    [Id(8)] public double[] Regions;

    /// <summary>The values of <see cref="StageTimes"/>, in its order.</summary>
    [Id(9)] public double[] Times;

    /// <summary>Orientations of the neighbours; null: no copies, from a silo of an earlier build.</summary>
    [Id(10)] public int[]? Orientations;
}

/// <summary>The matches of one tile, and the tiles of normals in the order of the matches' positions.</summary>
[GenerateSerializer, Alias("spade.tile-matches"), Immutable]
internal struct TileSurrogate
{
    [Id(0)] public PixelMatches Matches;
    [Id(1)] public ulong[] Photographs;
    [Id(2)] public int[] Tiles;

    /// <summary>Null: no copies, from a silo of an earlier build.</summary>
    [Id(3)] public int[]? Orientations;
}

/// <summary>A result without its calibration, which the gallery version has.</summary>
[RegisterConverter]
internal sealed class ScoreResultConverter : IConverter<ScoreResult, ScoreResultSurrogate>
{
    public ScoreResult ConvertFromSurrogate(in ScoreResultSurrogate s)
    {
        AnomalyMap? map = null;
        int[]? orientations = s.Orientations;
        if (s.Map is { } bytes)
        {
            float[] values = MemoryMarshal.Cast<byte, float>(bytes).ToArray();
            map = new AnomalyMap(s.MapWidth, values.Length / s.MapWidth, values, s.Frame[0]);
        }
        return new ScoreResult
        {
            GateDistance = s.GateDistance,
            Calibration = null,
            Score = s.Score,
            Neighbours = [.. s.Neighbours.Zip(s.Distances, orientations ?? new int[s.Neighbours.Length])
                .Select(n => new Neighbour(new ImageId(n.First), n.Second, (Orientation)n.Third))],
            Map = map,
            Tiles = [.. s.Tiles.Select(t => new TileMatches([t.Matches],
                [.. t.Photographs.Zip(t.Tiles, t.Orientations ?? new int[t.Tiles.Length])
                    .Select(f => new GalleryTile(new ImageId(f.First), f.Second, (Orientation)f.Third))]))],
            Frame = new TileFrame(s.Frame[1], s.Frame[2], s.Frame[3], s.Frame[4]),
            Regions = [.. s.Regions.Chunk(8).Select(r => new AnomalyRegion(
                (int)r[0], (int)r[1], (int)r[2], (int)r[3], (int)r[4], (float)r[5], (int)r[6], (int)r[7]))],
            Times = new StageTimes
            {
                Prepare = s.Times[0],
                Extract = s.Times[1],
                Retrieve = s.Times[2],
                Match = s.Times[3],
                Map = s.Times[4],
            },
        };
    }

    public ScoreResultSurrogate ConvertToSurrogate(in ScoreResult value)
    {
        var t = value.Times;
        return new()
        {
            GateDistance = value.GateDistance,
            Score = value.Score,
            Neighbours = [.. value.Neighbours.Select(n => n.Id.Value)],
            Distances = [.. value.Neighbours.Select(n => n.Distance)],
            Map = value.Map is { } map ? MemoryMarshal.AsBytes<float>(map.Values).ToArray() : null,
            MapWidth = value.Map?.Width ?? 0,
            Tiles = [.. value.Tiles.Select(t => new TileSurrogate
            {
                Matches = t.Maps[0],
                Photographs = [.. t.Found.Select(f => f.Photograph.Value)],
                Tiles = [.. t.Found.Select(f => f.Tile)],
                Orientations = [.. t.Found.Select(f => (int)f.Orientation)],
            })],
            Frame = [value.Map?.Pixels ?? 0, value.Frame.X, value.Frame.Y, value.Frame.Width, value.Frame.Height],
            Regions = [.. value.Regions.SelectMany(r => new double[] { r.X, r.Y, r.Width, r.Height, r.Area, r.Peak, r.PeakX, r.PeakY })],
            Times = [t.Prepare, t.Extract, t.Retrieve, t.Match, t.Map],
            Orientations = [.. value.Neighbours.Select(n => (int)n.Orientation)],
        };
    }
}
