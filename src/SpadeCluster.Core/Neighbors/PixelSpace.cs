using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// The space in which one gallery version compares pixels: level shapes and channel weights. It alone decides a distance's
/// bits: <see cref="PixelDistance"/>.
/// </summary>
public sealed class PixelSpace
{
    /// <param name="shapes">Level shapes, finest first; each grid must divide the finest one by a whole factor.</param>
    /// <param name="channelWeights">One array of Channels factors per level, positive and finite; null: all 1.</param>
    public PixelSpace(IReadOnlyList<LevelShape> shapes, IReadOnlyList<float[]>? channelWeights = null)
    {
        foreach (var s in shapes)
            if (shapes[0].Height % s.Height != 0 || shapes[0].Width % s.Width != 0)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"level {s} does not divide the finest level {shapes[0]} by a whole factor; choose other model outputs as pyramid "
                    + $"levels");
        for (int i = 0; i < channelWeights?.Count; i++)
            if (channelWeights[i].Length != shapes[i].Channels || channelWeights[i].Any(w => !float.IsFinite(w) || w <= 0))
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"level {i + 1} needs {shapes[i].Channels} positive, finite channel weights");
        (Shapes, ChannelWeights) = (shapes, channelWeights);
    }

    public IReadOnlyList<LevelShape> Shapes { get; }
    public IReadOnlyList<float[]>? ChannelWeights { get; }
}
