namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray 2016, arXiv 1509.09308): the output is cut into tiles of 2x2, each of
/// which a 3x3 convolution computes from 4x4 inputs. Input tiles d and kernels g are transformed, V = B^T d B and
/// U = G g G^T; then each of the 16 elements is a matrix product over the channels, M = U V, and a tile of the output is
/// A^T M A. 16 multiplications replace 36. Three steps: <see cref="WinogradInput{S,V}"/>,
/// <see cref="WinogradProduct{S,V}"/>, <see cref="WinogradOutput{S,V}"/>.
/// </summary>
/// <remarks>The transforms are additions and halvings of few numbers: the result differs from the plain sum by rounding
/// only, as far as another order of summation does. Larger tiles would save more and cost digits.</remarks>
internal sealed class WinogradShape
{
    /// <summary>Elements of a transformed tile, each a matrix product of its own.</summary>
    public const int Elements = 16;

    // Below, transforming costs more than it saves. Above, the transformed tensors leave the caches.
    private const int FewestChannels = 16;
    private const long MostFloats = 1 << 24;

    public WinogradShape(ConvolutionSpec spec, int width, int mostVectors)
    {
        (TilesY, TilesX) = ((spec.Window.OutHeight + 1) / 2, (spec.Window.OutWidth + 1) / 2);
        Panels = new Panels(TilesY * TilesX, width, mostVectors);
        Pitch = Panels.Vectors * width;
    }

    public int TilesY { get; }
    public int TilesX { get; }

    /// <summary>All tiles, row-major, as the columns of the products.</summary>
    public Panels Panels { get; }

    /// <summary>Columns including those that fill the last vector.</summary>
    public int Pitch { get; }

    public static bool Fits(ConvolutionSpec spec)
    {
        var w = spec.Window;
        return w is { KernelHeight: 3, KernelWidth: 3, StrideY: 1, StrideX: 1, DilationY: 1, DilationX: 1 } && spec.Groups == 1
            && Math.Min(spec.InChannels, spec.OutChannels) >= FewestChannels
            && Elements * (long)Math.Max(spec.InChannels, spec.OutChannels) * (((w.OutHeight + 1) / 2 * ((w.OutWidth + 1L) / 2)) + 16) <= MostFloats;
    }

    /// <summary>U = G g G^T of all kernels, [16][out][in].</summary>
    public static float[] Kernels(ConvolutionSpec spec)
    {
        int pairs = spec.OutChannels * spec.InChannels;
        var all = new float[checked(Elements * pairs)];
        Span<double> half = stackalloc double[12]; // G g: 4 rows of 3
        for (int pair = 0; pair < pairs; pair++)
        {
            var g = spec.Weights.AsSpan(pair * 9, 9);
            for (int x = 0; x < 3; x++)
            {
                double even = (double)g[x] + g[6 + x];
                (half[x], half[3 + x], half[6 + x], half[9 + x]) = (g[x], (even + g[3 + x]) / 2, (even - g[3 + x]) / 2, g[6 + x]);
            }
            for (int y = 0; y < 4; y++)
            {
                var row = half.Slice(3 * y, 3);
                double even = row[0] + row[2];
                Span<double> u = [row[0], (even + row[1]) / 2, (even - row[1]) / 2, row[2]];
                for (int x = 0; x < 4; x++) all[((((4 * y) + x) * pairs) + pair)] = (float)u[x];
            }
        }
        return all;
    }
}
