using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Serialization;

// Serialises Core's types, because Core does not depend on Orleans. Arrays of numbers are sent as bytes: one block copy instead of a
// variable-length integer per element.

[GenerateSerializer, Alias("spade.image-id"), Immutable]
internal struct ImageIdSurrogate
{
    [Id(0)] public ulong Value;
}

[RegisterConverter]
internal sealed class ImageIdConverter : IConverter<ImageId, ImageIdSurrogate>
{
    public ImageId ConvertFromSurrogate(in ImageIdSurrogate surrogate) => new(surrogate.Value);
    public ImageIdSurrogate ConvertToSurrogate(in ImageId value) => new() { Value = value.Value };
}

[GenerateSerializer, Alias("spade.pyramid"), Immutable]
internal struct PyramidSurrogate
{
    /// <summary>Height, width, channels per level.</summary>
    [Id(0)] public int[] Shapes;
    [Id(1)] public LevelValues[] Levels;
}

[RegisterConverter]
internal sealed class PyramidConverter : IConverter<FeaturePyramid, PyramidSurrogate>
{
    public FeaturePyramid ConvertFromSurrogate(in PyramidSurrogate surrogate)
        => new(LevelShapes.Unpack(surrogate.Shapes), Array.ConvertAll(surrogate.Levels, l => l.Array));

    public PyramidSurrogate ConvertToSurrogate(in FeaturePyramid value)
    {
        var levels = new LevelValues[value.Shapes.Count];
        for (int l = 0; l < levels.Length; l++) levels[l] = new LevelValues(value.LevelArray(l));
        return new PyramidSurrogate { Shapes = LevelShapes.Pack(value.Shapes), Levels = levels };
    }
}

[GenerateSerializer, Alias("spade.matches"), Immutable]
internal struct PixelMatchesSurrogate
{
    [Id(0)] public int Height;
    [Id(1)] public int Width;
    [Id(2)] public int Kappa;
    [Id(3)] public byte[] Distances;
    [Id(4)] public byte[] Images;
    [Id(5)] public byte[] Cells;
}

[RegisterConverter]
internal sealed class PixelMatchesConverter : IConverter<PixelMatches, PixelMatchesSurrogate>
{
    public PixelMatches ConvertFromSurrogate(in PixelMatchesSurrogate surrogate)
    {
        var matches = new PixelMatches(surrogate.Height, surrogate.Width, surrogate.Kappa);
        surrogate.Distances.AsSpan().CopyTo(MemoryMarshal.AsBytes(matches.Distances.AsSpan()));
        surrogate.Images.AsSpan().CopyTo(MemoryMarshal.AsBytes(matches.Images.AsSpan()));
        surrogate.Cells.AsSpan().CopyTo(MemoryMarshal.AsBytes(matches.Cells.AsSpan()));
        return matches;
    }

    public PixelMatchesSurrogate ConvertToSurrogate(in PixelMatches value) => new()
    {
        Height = value.Height,
        Width = value.Width,
        Kappa = value.Kappa,
        Distances = MemoryMarshal.AsBytes<float>(value.Distances).ToArray(),
        Images = MemoryMarshal.AsBytes<int>(value.Images).ToArray(),
        Cells = MemoryMarshal.AsBytes<int>(value.Cells).ToArray(),
    };
}

[GenerateSerializer, Alias("spade.search-options"), Immutable]
internal struct SearchOptionsSurrogate
{
    [Id(0)] public Fusion Fusion;
    [Id(1)] public int Kappa;
    [Id(2)] public int[]? Levels;
    [Id(3)] public int Threads;
    [Id(4)] public int? Window;
}

[RegisterConverter]
internal sealed class SearchOptionsConverter : IConverter<PixelSearchOptions, SearchOptionsSurrogate>
{
    public PixelSearchOptions ConvertFromSurrogate(in SearchOptionsSurrogate surrogate) =>
        new(surrogate.Fusion, surrogate.Kappa, surrogate.Levels, surrogate.Threads, surrogate.Window);

    public SearchOptionsSurrogate ConvertToSurrogate(in PixelSearchOptions value)
        => new()
        {
            Fusion = value.Fusion,
            Kappa = value.Kappa,
            Levels = value.Levels is null ? null : [.. value.Levels],
            Threads = value.Threads,
            Window = value.Window,
        };
}

[GenerateSerializer, Alias("spade.model"), Immutable]
internal struct ModelSurrogate
{
    [Id(0)] public string Name;
    [Id(1)] public string Digest;
    [Id(2)] public int InputWidth;
    [Id(3)] public int InputHeight;
    [Id(4)] public int[] Levels;
    [Id(5)] public int PooledLength;
    [Id(6)] public bool WeightChannels;
}

[RegisterConverter]
internal sealed class ModelConverter : IConverter<FeatureModel, ModelSurrogate>
{
    public FeatureModel ConvertFromSurrogate(in ModelSurrogate s) =>
        new(s.Name, s.Digest, s.InputWidth, s.InputHeight, LevelShapes.Unpack(s.Levels), s.PooledLength, s.WeightChannels);

    public ModelSurrogate ConvertToSurrogate(in FeatureModel m) => new()
    {
        Name = m.Name,
        Digest = m.Digest,
        InputWidth = m.InputWidth,
        InputHeight = m.InputHeight,
        Levels = LevelShapes.Pack(m.Levels),
        PooledLength = m.PooledLength,
        WeightChannels = m.WeightChannels,
    };
}

[GenerateSerializer, Alias("spade.scoring-options"), Immutable]
internal struct ScoringOptionsSurrogate
{
    [Id(0)] public int GateNeighbours;
    [Id(1)] public int? GalleryNeighbours;
    [Id(2)] public int Kappa;
    [Id(3)] public Fusion Fusion;
    [Id(4)] public int[]? Levels;
    [Id(5)] public GatePolicy GatePolicy;
    [Id(6)] public double AuditShare;
    [Id(7)] public double Alpha;
    [Id(8)] public double Sigma;
    [Id(9)] public ThresholdRule Threshold;
    [Id(10)] public double? ReviewRate;
    [Id(11)] public bool Normalised;
    [Id(12)] public double? Theta;
    [Id(13)] public int? Window;
    [Id(14)] public int? TileReach;
}

[RegisterConverter]
internal sealed class ScoringOptionsConverter : IConverter<ScoringOptions, ScoringOptionsSurrogate>
{
    public ScoringOptions ConvertFromSurrogate(in ScoringOptionsSurrogate s) => new()
    {
        GateNeighbours = s.GateNeighbours,
        GalleryNeighbours = s.GalleryNeighbours,
        Kappa = s.Kappa,
        Fusion = s.Fusion,
        Levels = s.Levels,
        GatePolicy = s.GatePolicy,
        AuditShare = s.AuditShare,
        Alpha = s.Alpha,
        Sigma = s.Sigma,
        Threshold = s.Threshold,
        ReviewRate = s.ReviewRate,
        Normalised = s.Normalised,
        Theta = s.Theta,
        Window = s.Window,
        TileReach = s.TileReach,
    };

    public ScoringOptionsSurrogate ConvertToSurrogate(in ScoringOptions o) => new()
    {
        GateNeighbours = o.GateNeighbours,
        GalleryNeighbours = o.GalleryNeighbours,
        Kappa = o.Kappa,
        Fusion = o.Fusion,
        Levels = o.Levels is null ? null : [.. o.Levels],
        GatePolicy = o.GatePolicy,
        AuditShare = o.AuditShare,
        Alpha = o.Alpha,
        Sigma = o.Sigma,
        Threshold = o.Threshold,
        ReviewRate = o.ReviewRate,
        Normalised = o.Normalised,
        Theta = o.Theta,
        Window = o.Window,
        TileReach = o.TileReach,
    };
}

[GenerateSerializer, Alias("spade.add-outcome"), Immutable]
internal struct AddOutcomeSurrogate
{
    [Id(0)] public string Source;
    [Id(1)] public ImageId? Image;
    [Id(2)] public AddStatus Status;
    [Id(3)] public string? Problem;
}

[RegisterConverter]
internal sealed class AddOutcomeConverter : IConverter<AddOutcome, AddOutcomeSurrogate>
{
    public AddOutcome ConvertFromSurrogate(in AddOutcomeSurrogate s) => new(s.Source, s.Image, s.Status, s.Problem);

    public AddOutcomeSurrogate ConvertToSurrogate(in AddOutcome o) =>
        new() { Source = o.Source, Image = o.Id, Status = o.Status, Problem = o.Problem };
}

internal static class LevelShapes
{
    public static int[] Pack(IReadOnlyList<LevelShape> shapes) => [.. shapes.SelectMany(s => new[] { s.Height, s.Width, s.Channels })];

    public static LevelShape[] Unpack(int[] packed) => [.. packed.Chunk(3).Select(s => new LevelShape(s[0], s[1], s[2]))];
}

[GenerateSerializer, Alias("spade.threshold-bounds"), Immutable]
internal struct ThresholdBoundsSurrogate
{
    [Id(0)] public double Theta;
    [Id(1)] public double? Review;
    [Id(2)] public double? Tau;
    [Id(3)] public double Share;
}

[RegisterConverter]
internal sealed class ThresholdBoundsConverter : IConverter<ThresholdBounds, ThresholdBoundsSurrogate>
{
    public ThresholdBounds ConvertFromSurrogate(in ThresholdBoundsSurrogate s) => new(s.Theta, s.Review, s.Tau, s.Share);

    public ThresholdBoundsSurrogate ConvertToSurrogate(in ThresholdBounds b)
        => new() { Theta = b.Theta, Review = b.Review, Tau = b.Tau, Share = b.Share };
}
