using SpadeCluster.Neighbors;

namespace SpadeCluster.Tests.Neighbors;

public sealed unsafe class PixelDistanceTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(45)]
    [InlineData(64)]
    [InlineData(200)]
    [InlineData(1024)]
    public void All_paths_give_the_scalar_bits(int channels)
    {
        var random = new Random(channels);
        float[] Row() => [.. Enumerable.Range(0, channels).Select(_ => (float)(random.NextDouble() * 10 - 2))];
        float[] a = Row(), b = Row(), w = [.. Row().Select(MathF.Abs)];
        int padded = (channels + PixelDistance.Lanes - 1) / PixelDistance.Lanes * PixelDistance.Lanes;
        using AlignedBuffer<float> pa = CentredRows.Padded(a, padded), pb = CentredRows.Padded(b, padded),
            pw = CentredRows.Padded(w, padded);

        float plain = PixelDistance.SquaredScalar(a, b, []), weighted = PixelDistance.SquaredScalar(a, b, w);
        Assert.NotEqual(plain, weighted);
        Assert.Equal(plain, PixelDistance.Squared(a, b, []));
        Assert.Equal(weighted, PixelDistance.Squared(a, b, w));
        foreach (var path in SimdPaths.Supported)
        {
            Assert.Equal(plain, PixelDistance.Squared(pa.Pointer, pb.Pointer, null, padded, path));
            Assert.Equal(weighted, PixelDistance.Squared(pa.Pointer, pb.Pointer, pw.Pointer, padded, path));
        }
        double exact = a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum();
        Assert.Equal(exact, plain, exact * 1e-6);
    }
}
