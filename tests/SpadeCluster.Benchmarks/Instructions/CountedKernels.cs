using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Benchmarks.Instructions;

/// <summary>Three kernels of the product, on the 256-bit path: valgrind 3.19 runs no wider one, so counts are the same on every
/// machine with AVX2.</summary>
internal static unsafe class CountedKernels
{
    private const SimdPath Path = SimdPath.Vector256;
    private const int Quads = 196, Pairs = 16, Channels = 512, Side = 64;

    /// <param name="times">How often to run each: block, distance, smoothing.</param>
    public static void Repeat(int[] times)
    {
        if (SimdPaths.Best < Path) throw new PlatformNotSupportedException("this processor has no AVX2");
        Action[] kernels = [Block(), Distance(), Smoothing()];
        for (int k = 0; k < kernels.Length; k++)
            for (int i = 0; i < times[k]; i++) kernels[k]();
    }

    /// <summary>The inner loop of the pixel search: one gallery quad against all query quads, 32 coordinates.</summary>
    private static Action Block()
    {
        var gallery = new BlockKernel.Gallery(Pairs);
        var codes = new AlignedBuffer<short>(Quads * 8 * Pairs);
        AlignedBuffer<float> terms = new(8 * Quads), limits = new(4 * Quads), coarse = new(Quads), bounds = new(16 * Quads);
        var order = new AlignedBuffer<int>(Quads);
        var live = new AlignedBuffer<ushort>(Quads);
        new Random(1).NextBytes(new Span<byte>(codes.Pointer, (int)codes.Length));
        for (int i = 0; i < Quads; i++) order.Pointer[i] = i;
        return () => BlockKernel.Bound(gallery, new QuadRows(codes.Pointer, terms.Pointer, terms.Pointer + 4 * Quads, Pairs),
            order.Pointer, coarse.Pointer, Quads, limits.Pointer, 0xFFFF, bounds.Pointer, live.Pointer, Path);
    }

    /// <summary>The definition of a cell distance, 512 channels.</summary>
    private static Action Distance()
    {
        AlignedBuffer<float> a = new(Channels), b = new(Channels);
        var random = new Random(1);
        for (int i = 0; i < Channels; i++) (a.Pointer[i], b.Pointer[i]) = (random.NextSingle(), random.NextSingle());
        return () => PixelDistance.Squared(a.Pointer, b.Pointer, null, Channels, Path);
    }

    /// <summary>The map's Gaussian, sigma 4, 64 x 64 pixels.</summary>
    private static Action Smoothing()
    {
        var filter = new GaussianFilter(4);
        var map = new float[Side * Side];
        for (int i = 0; i < map.Length; i++) map[i] = i % 7;
        return () => filter.Apply(map, Side, Side);
    }
}
