using System.Runtime.InteropServices;

namespace SpadeCluster.Features;

/// <summary>
/// A feature pyramid in its canonical form, float16: what galleries store, silos exchange and searches compare. Query and
/// gallery are rounded alike, so an image has distance exactly 0 from itself.
/// </summary>
public sealed class FeaturePyramid
{
    private readonly Half[][] _levels;

    public FeaturePyramid(IReadOnlyList<LevelShape> shapes, Half[][] levels)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(levels.Length, shapes.Count, nameof(levels));
        for (int i = 0; i < levels.Length; i++)
            ArgumentOutOfRangeException.ThrowIfNotEqual(levels[i].Length, shapes[i].Length, nameof(levels));
        (Shapes, _levels) = (shapes, levels);
    }

    /// <summary>Rounds features to float16.</summary>
    /// <exception cref="SpadeException">InvalidArgument: a value is NaN, infinite or beyond float16's 65504 - such features
    /// would poison every distance they take part in.</exception>
    public static FeaturePyramid From(ImageFeatures features)
    {
        var levels = new Half[features.Levels.Count][];
        for (int i = 0; i < levels.Length; i++)
        {
            levels[i] = GC.AllocateUninitializedArray<Half>(features.Levels[i].Length);
            if (!HalfConversion.TryNarrow(features.Levels[i], levels[i]))
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"the model's level {i + 1} features contain NaN, infinite or too large values (over 65504); "
                    + "check the model and its input scale");
        }
        return new FeaturePyramid(features.Shapes, levels);
    }

    /// <summary>Level shapes, finest first.</summary>
    public IReadOnlyList<LevelShape> Shapes { get; }

    /// <summary>Level <paramref name="index"/> (0 is the finest): [y][x][channel], channel fastest.</summary>
    public ReadOnlySpan<Half> Level(int index) => _levels[index];

    /// <summary>The array of a level, for a store that fills a discarded pyramid again.</summary>
    internal Half[] LevelArray(int index) => _levels[index];

    /// <summary>The same values as bytes, little-endian: what is written to disk and sent.</summary>
    public ReadOnlySpan<byte> LevelBytes(int index) => MemoryMarshal.AsBytes<Half>(_levels[index]);
}
