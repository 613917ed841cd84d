using SpadeCluster.Evaluation;

namespace SpadeCluster.Core.Tests.Evaluation;

public class RegionOverlapTests
{
    /// <summary>Three 12x10 maps and masks; the expected area is the Python reference's for the same arrays.</summary>
    [Fact]
    public void Equals_the_reference()
    {
        var images = new List<(float[], bool[], int)>();
        for (int k = 0; k < 3; k++)
        {
            var mask = new bool[120];
            for (int y = 2; y < 5; y++)
                for (int x = 1 + k; x < 4 + k; x++) mask[y * 10 + x] = true;
            for (int y = 8; y < 10; y++)
                for (int x = 5; x < 9; x++) mask[y * 10 + x] = k != 1;
            images.Add(([.. Enumerable.Range(0, 120).Select(i => i * (7919 + k) % 101 / 10f + (mask[i] ? 3 : 0))], mask, 10));
        }
        var (area, curve) = RegionOverlap.Measure(images);
        Assert.Equal(0.45087042878840994, area, 1e-6);
        Assert.All(curve, p => Assert.InRange(p.FalsePositiveRate, 0, RegionOverlap.Limit + 1e-9));
    }

    [Fact]
    public void Without_regions_it_is_undefined()
        => Assert.True(double.IsNaN(RegionOverlap.Measure([(new float[4], new bool[4], 2)]).Area));
}
