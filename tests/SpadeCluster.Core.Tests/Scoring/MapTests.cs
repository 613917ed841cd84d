using System.Globalization;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

/// <summary>Upsampling, smoothing and regions against figures of PyTorch and SciPy for the same 5x7 map.</summary>
public class MapTests
{
    private static readonly float[] Source = [.. Enumerable.Range(0, 35).Select(i => i * 7919 % 31 / 4f)];

    [Fact]
    public void Smoothing_equals_scipys_gaussian_filter()
    {
        var map = (float[])Source.Clone();
        new GaussianFilter(1.5).Apply(map, 5, 7);
        AssertClose("2.67273 3.15079 3.71592 4.0958 4.27 4.32572 4.35018 2.97461 3.31008 3.70247 3.97268 4.09271 4.09281 4.05823 "
            + "3.40434 3.54303 3.69331 3.80503 3.8559 3.79851 3.69638 3.70852 3.6777 3.63018 3.63628 3.68885 3.65569 3.54263 3.80577 "
            + "3.67637 3.52716 3.50773 3.61932 3.66181 3.58077", map);
    }

    [Fact]
    public void Upsampling_equals_torchs_interpolate()
    {
        var map = new float[90];
        BilinearUpsampling.Resize(Source, 5, 7, map, 9, 10);
        AssertClose("0.0 1.925 4.375 6.825 4.2375 3.975 6.0375 3.0625 3.575 5.5 0.41667 2.34167 4.14583 4.7875 3.75 4.39167 6.45417 "
            + "3.47917 3.99167 5.91667 1.11111 3.03611 3.76389 1.39167 2.9375 5.08611 7.14861 4.17361 4.68611 6.61111 1.80556 3.73056 "
            + "4.24306 1.26806 3.33056 4.575 4.57083 4.00694 3.83056 3.86111 2.5 4.425 4.9375 1.9625 4.025 3.7625 1.175 3.625 2.5875 "
            + "0.25 3.19444 5.11944 5.63194 2.65694 4.71944 4.45694 1.86944 4.31944 3.28194 0.94444 3.88889 5.34028 5.68055 3.30833 "
            + "4.85417 4.59167 2.56389 5.01389 3.97639 1.63889 4.58333 3.66667 3.14583 3.7875 2.75 2.4875 3.25833 5.70833 4.67083 "
            + "2.33333 5.0 2.6625 1.625 4.075 1.4875 1.225 3.675 6.125 5.0875 2.75", map);
    }

    [Fact]
    public void A_constant_map_stays_constant_and_scores_its_value()
    {
        var matches = new PixelMatches(4, 4, 2);
        Array.Fill(matches.Distances, 3f);
        var map = AnomalyMap.From([matches, matches], 20, 12, new GaussianFilter(4));
        Assert.All(map.Values, v => Assert.Equal(6, v, 4));
        Assert.Equal(6, map.Score, 4);
        Assert.Equal((20, 12), (map.Width, map.Height));
    }

    [Fact]
    public void The_score_is_the_mean_of_the_highest_hundredth_rounded_up()
    {
        // 201 pixels: the highest 3.
        float[] values = new float[201];
        (values[7], values[50], values[90], values[200]) = (9, 6, 3, 2);
        Assert.Equal(6, new AnomalyMap(201, 1, values).Score, 6);
    }

    /// <summary>Maps of several blocks of rows, whose widths leave every remainder of the vector loops.</summary>
    [Theory]
    [InlineData(331, 517, 8)]
    [InlineData(1024, 130, 4)]
    [InlineData(9, 70, 4)]
    public void Large_maps_are_smoothed_and_enlarged_to_the_bits_of_plain_loops(int height, int width, double sigma)
    {
        var random = new Random(1);
        float[] map = [.. Enumerable.Range(0, height * width).Select(_ => random.NextSingle())];
        var expected = Smoothed(map, height, width, sigma);
        new GaussianFilter(sigma).Apply(map, height, width);
        Assert.Equal(expected, map);

        float[] source = [.. Enumerable.Range(0, 23 * 31).Select(_ => random.NextSingle())];
        BilinearUpsampling.Resize(source, 23, 31, map, height, width);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) Assert.Equal(Enlarged(source, 23, 31, height, width, y, x), map[y * width + x]);
    }

    [Fact]
    public void The_highest_pixels_are_those_of_sorting_in_any_order_of_the_values()
    {
        var random = new Random(2);
        float[] values = [.. Enumerable.Range(0, 5003).Select(_ => MathF.Round(random.NextSingle(), 2))];
        foreach (var ordered in new[] { values, [.. values.Order()], [.. values.OrderDescending()], new float[5003] })
        {
            double expected = ordered.OrderDescending().Take(51).Reverse().Sum(v => (double)v) / 51;
            var map = new AnomalyMap(5003, 1, ordered);
            Assert.Equal((expected, ordered.Max()), (map.Score, map.Max));
        }
    }

    [Fact]
    public void Regions_are_connected_over_corners_and_sorted_by_peak()
    {
        const string Picture = """
            .5...
            4....
            ...71
            ...17
            """;
        float[] values = [.. Picture.ReplaceLineEndings("").Select(c => c == '.' ? 0f : c - '0')];
        var regions = AnomalyRegion.Find(new AnomalyMap(5, 4, values), 0.5);
        Assert.Equal([new AnomalyRegion(3, 2, 2, 2, 4, 7, 3, 2), new AnomalyRegion(0, 0, 2, 2, 2, 5, 1, 0)], regions);
        // A pixel at the threshold is not above it.
        Assert.Equal(2, AnomalyRegion.Find(new AnomalyMap(5, 4, values), 5)[0].Area);
    }

    private static float[] Smoothed(float[] map, int height, int width, double sigma)
    {
        int radius = (int)(4 * sigma + 0.5);
        double[] weights = [.. Enumerable.Range(-radius, 2 * radius + 1).Select(i => Math.Exp(-0.5 * Math.Pow(i / sigma, 2)))];
        float[] taps = [.. weights.Select(w => (float)(w / weights.Sum()))], down = new float[map.Length], result = new float[map.Length];
        for (int i = 0; i < map.Length; i++)
            for (int t = 0; t < taps.Length; t++)
                down[i] += map[GaussianFilter.Reflect(i / width + t - radius, height) * width + i % width] * taps[t];
        for (int i = 0; i < map.Length; i++)
            for (int t = 0; t < taps.Length; t++)
                result[i] += down[i / width * width + GaussianFilter.Reflect(i % width + t - radius, width)] * taps[t];
        return result;
    }

    private static float Enlarged(float[] source, int sourceHeight, int sourceWidth, int height, int width, int y, int x)
    {
        var (top, bottom, fy) = BilinearUpsampling.Taps(y, sourceHeight, height);
        var (left, right, fx) = BilinearUpsampling.Taps(x, sourceWidth, width);
        float a = source[top * sourceWidth + left] * (1 - fx) + source[top * sourceWidth + right] * fx;
        float b = source[bottom * sourceWidth + left] * (1 - fx) + source[bottom * sourceWidth + right] * fx;
        return a * (1 - fy) + b * fy;
    }

    private static void AssertClose(string expected, float[] actual)
    {
        float[] values = [.. expected.Split(' ').Select(v => float.Parse(v, CultureInfo.InvariantCulture))];
        Assert.Equal(values.Length, actual.Length);
        for (int i = 0; i < values.Length; i++) Assert.Equal(values[i], actual[i], 2e-5f);
    }

    /// <summary>Beside 2x2 tiles, the whole photograph's map counts a third, and is what it would be without tiles.</summary>
    [Fact]
    public void The_whole_photograph_is_smoothed_at_its_own_scale()
    {
        var (alone, tiled) = (new TileGrid(224, 224), new TileGrid(224, 224, 2, 2, 32, Whole: true));
        var random = new Random(1);
        float[] whole = [.. Enumerable.Range(0, 56 * 56).Select(_ => random.NextSingle())], nothing = new float[56 * 56];
        var smoothing = new GaussianFilter(4);
        var map = AnomalyMap.From([nothing, nothing, nothing, nothing, whole], 56, 56, tiled, tiled.Frame(1, 1), smoothing);
        var expected = new float[416 * 416];
        BilinearUpsampling.Resize(AnomalyMap.From([whole], 56, 56, alone, alone.Frame(1, 1), smoothing).Values, 224, 224, expected, 416,
            416);
        Assert.Equal((416, 416), (map.Width, map.Height));
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i] / 3, map.Values[i], 1e-6f);
    }
}
