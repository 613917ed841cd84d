using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>
/// Sum and sum of squares per channel of one image's pyramid level, in float64. They are stored with the features, so that a
/// version's channel weights are computed without reading pyramids, in the order of image ids.
/// </summary>
public sealed record ChannelMoments(double[] Sum, double[] SumOfSquares)
{
    public static ChannelMoments Of(FeaturePyramid pyramid, int level)
    {
        int channels = pyramid.Shapes[level].Channels;
        var (sum, squares) = (new double[channels], new double[channels]);
        var cell = new float[channels];
        var values = pyramid.Level(level);
        for (int i = 0; i < values.Length; i += channels)
        {
            HalfConversion.Widen(values.Slice(i, channels), cell);
            for (int c = 0; c < channels; c++)
            {
                sum[c] += cell[c];
                squares[c] += (double)cell[c] * cell[c];
            }
        }
        return new ChannelMoments(sum, squares);
    }
}
