using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// One gallery image prepared for searches: its float16 features, unchanged, and the sketches that bound distances to them.
/// Made by <see cref="PixelIndex.Pack"/>; independent of all other images.
/// </summary>
public sealed class PackedPyramid
{
    internal PackedPyramid(PixelIndex index, FeaturePyramid features, sbyte[]?[] codes, Half[]?[] terms) =>
        (Index, Features, Codes, Terms) = (index, features, codes, terms);

    public FeaturePyramid Features { get; }

    /// <summary>Bytes a search needs resident for this image: features and sketches.</summary>
    public long ResidentBytes =>
        2L * Features.Shapes.Sum(s => s.Length) + Codes.Sum(c => c?.LongLength ?? 0) + 2 * Terms.Sum(t => t?.LongLength ?? 0);

    internal PixelIndex Index { get; }

    /// <summary>[level][quad][pair of coordinates][slot j][2]; null where a level has no sketch.</summary>
    internal sbyte[]?[] Codes { get; }

    /// <summary>[level][slot]: the gallery term of the bound.</summary>
    internal Half[]?[] Terms { get; }
}
