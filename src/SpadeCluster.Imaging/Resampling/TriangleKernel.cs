namespace SpadeCluster.Imaging;

/// <summary>
/// The weights that turn <c>from</c> samples of a line into <c>to</c>: a triangle as wide as the larger of the two sample
/// distances, so that shrinking averages all covered samples and enlarging interpolates linearly. Fixed point with 22 fractional
/// bits and Pillow's rounding: Image.resize(..., Image.BILINEAR), bit for bit.
/// </summary>
internal sealed class TriangleKernel
{
    /// <summary>32 bits minus 8 for the sample and 2 against overflow.</summary>
    public const int FractionBits = 32 - 8 - 2;

    public TriangleKernel(int from, int to)
    {
        double scale = (double)from / to, width = Math.Max(scale, 1);
        Taps = ((int)Math.Ceiling(width) * 2 + 1 + 3) / 4 * 4;
        First = new int[to];
        Count = new int[to];
        Weights = new int[to * Taps];
        var weights = new double[Taps];
        for (int i = 0; i < to; i++)
        {
            double center = (i + 0.5) * scale;
            int first = Math.Max((int)(center - width + 0.5), 0), end = Math.Min((int)(center + width + 0.5), from);
            double sum = 0;
            for (int t = 0; t < end - first; t++)
                sum += weights[t] = Math.Max(0, 1 - Math.Abs((first + t - center + 0.5) * (1 / width)));
            for (int t = 0; t < end - first; t++)
                Weights[i * Taps + t] = (int)(0.5 + weights[t] / sum * (1 << FractionBits));
            (First[i], Count[i]) = (first, end - first);
        }
    }

    /// <summary>Weights reserved for each output sample, a multiple of four; those beyond its samples are 0.</summary>
    public int Taps { get; }

    /// <summary>The first input sample of each output sample.</summary>
    public int[] First { get; }

    /// <summary>Number of input samples of each output sample.</summary>
    public int[] Count { get; }

    /// <summary>[output][tap].</summary>
    public int[] Weights { get; }
}
