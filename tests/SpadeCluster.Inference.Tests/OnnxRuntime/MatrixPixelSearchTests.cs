using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

public class MatrixPixelSearchTests
{
    private static readonly LevelShape[] Shapes = [new(12, 8, 6), new(6, 4, 20), new(2, 2, 33)];

    [Fact]
    public void The_CPU_finds_the_pixels_of_the_exact_search() => Compare(OnnxRuntimeDevice.Cpu);

    [CudaFact]
    public void A_CUDA_device_finds_the_pixels_of_the_exact_search() => Compare(new(0));

    private static void Compare(OnnxRuntimeDevice device)
    {
        var random = new Random(1);
        FeaturePyramid[] gallery = [.. Enumerable.Range(0, 4).Select(_ => Pyramid(random))];
        var index = new PixelIndex(new PixelSpace(Shapes), gallery);
        (int, PackedPyramid)[] packed = [.. gallery.Select((g, i) => (i, index.Pack(g)))];
        using var search = new MatrixPixelSearch(gallery, device);
        foreach (var query in new[] { Pyramid(random), Pyramid(random), gallery[2] })
        {
            var (exact, found) = (index.Search(query, packed, new PixelSearchOptions())[0], search.Search(query));
            Assert.Equal(exact.Images, found.Images);
            Assert.Equal(exact.Cells, found.Cells);
            // Sums of products of numbers up to 1 in 59 channels, so norms of about 20.
            Assert.All(exact.Distances.Zip(found.Distances), d => Assert.Equal(d.First, d.Second, 1e-4f));
        }
    }

    private static FeaturePyramid Pyramid(Random random)
        => new(Shapes, [.. Shapes.Select(s => Enumerable.Range(0, s.Length).Select(_ => (Half)random.NextSingle()).ToArray())]);
}
