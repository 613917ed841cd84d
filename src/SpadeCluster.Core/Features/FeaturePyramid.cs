using System.Runtime.InteropServices;

namespace SpadeCluster.Features;

/// <summary>
/// A feature pyramid in float16, the form in which galleries store it, silos exchange it and searches compare it. Query and gallery are
/// rounded in the same way, so an image has distance exactly 0 from itself.
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
    /// <exception cref="SpadeException">InvalidArgument: a value is NaN, infinite or beyond float16's 65504 - such features would make
    /// every distance wrong.</exception>
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

    /// <summary>The array of a level, for a store that fills a discarded pyramid again, and for messages.</summary>
    internal Half[] LevelArray(int index) => _levels[index];

    /// <summary>The same values as bytes, little-endian, as they are written to disk and sent.</summary>
    public ReadOnlySpan<byte> LevelBytes(int index) => MemoryMarshal.AsBytes<Half>(_levels[index]);
}
