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
    /// <param name="region">[y * Width + x] of the finest level: which cells take part, at least one; null: all.</param>
    public PixelSpace(IReadOnlyList<LevelShape> shapes, IReadOnlyList<float[]>? channelWeights = null, IReadOnlyList<bool>? region = null)
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
        if (region is not null && (region.Count != shapes[0].Cells || !region.Any(inside => inside)))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"a region of interest needs a value for each of the {shapes[0].Cells} cells of {shapes[0]}, and one of them inside");
        (Shapes, ChannelWeights, Region) = (shapes, channelWeights, region);
    }

    public IReadOnlyList<LevelShape> Shapes { get; }
    public IReadOnlyList<float[]>? ChannelWeights { get; }

    /// <summary>[y * Width + x] of the finest level: the cells that take part, as query and as gallery; null: all.</summary>
    public IReadOnlyList<bool>? Region { get; }

    /// <summary>[cell]: which cells of a level take part: those that contain a cell of the region.</summary>
    public bool[] Inside(int level)
    {
        var (fine, coarse) = (Shapes[0], Shapes[level]);
        var inside = new bool[coarse.Cells];
        for (int cell = 0; cell < fine.Cells; cell++)
            inside[cell / fine.Width * coarse.Height / fine.Height * coarse.Width + cell % fine.Width * coarse.Width / fine.Width]
                |= Region is null || Region[cell];
        return inside;
    }
}
