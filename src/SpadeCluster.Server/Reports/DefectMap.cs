using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Reports;

/// <summary>Where defects fall on a part: for each place, the number of decisions whose map exceeds the threshold there.</summary>
/// <param name="Decisions">Decisions that it is the sum of.</param>
/// <param name="Of">All decisions with the verdict defect.</param>
/// <param name="Width">Places across; they divide the inspected photograph evenly.</param>
/// <param name="Counts">[y][x].</param>
public sealed record DefectMap(int Decisions, long Of, int Width, int Height, IReadOnlyList<int> Counts)
{
    /// <summary>Places along the longer side, or pixels of the map if it has fewer.</summary>
    private const int Side = 64;

    /// <summary>Pixels along the picture's longer side.</summary>
    private const int PictureSide = 448;

    private const int Quality = 85;

    /// <summary>The highest number of decisions at one place.</summary>
    public int Most => Counts.Max();

    /// <summary>Sums maps, read one after the other.</summary>
    /// <param name="maps">Each with the threshold of its decision. Each counts at its highest pixel at least.</param>
    /// <param name="of">All decisions with the verdict defect.</param>
    /// <returns>Null: there is no map.</returns>
    public static DefectMap? Sum(IEnumerable<(KeptMap Map, double Theta)> maps, long of)
    {
        int decisions = 0, width = 0, height = 0;
        int[] counts = [];
        foreach (var (map, theta) in maps)
        {
            if (decisions++ == 0)
            {
                double scale = Math.Min(1, (double)Side / Math.Max(map.Width, map.Height));
                (width, height) = (Scaled(map.Width), Scaled(map.Height));
                counts = new int[width * height];

                int Scaled(int pixels) => Math.Max(1, (int)Math.Round(pixels * scale));
            }
            var found = new bool[counts.Length];
            double threshold = Math.Min(theta, map.Values.Max());
            for (int i = 0; i < map.Values.Length; i++)
            {
                if (map.Values[i] < threshold) continue;
                var (y, x) = Math.DivRem(i, map.Width);
                found[y * height / map.Height * width + x * width / map.Width] = true;
            }
            for (int i = 0; i < found.Length; i++)
                if (found[i]) counts[i]++;
        }
        return decisions == 0 ? null : new DefectMap(decisions, of, width, height, counts);
    }

    /// <summary>The map in colours over a normal photograph, JPEG.</summary>
    /// <param name="normal">Null: over grey.</param>
    public byte[] Draw(RgbImage? normal)
    {
        var (width, height) = normal is null ? (Width, Height) : (normal.Width, normal.Height);
        int longer = Math.Max(width, height);
        (width, height) = (Math.Max(1, width * PictureSide / longer), Math.Max(1, height * PictureSide / longer));
        var places = new RgbImage(Width, Height);
        for (int i = 0; i < Counts.Count; i++) places.Pixels.AsSpan(3 * i, 3).Fill((byte)(255 * Counts[i] / Most));
        var large = Resampler.Resize(places, width, height);
        float[] values = [.. Enumerable.Range(0, width * height).Select(i => large.Pixels[3 * i] / 255f)];
        return JpegEncoder.Encode(Overlay.Heat(normal is null ? Grey(width, height) : Resampler.Resize(normal, width, height), values,
            ColorMap.Inferno), Quality);
    }

    private static RgbImage Grey(int width, int height)
    {
        var grey = new RgbImage(width, height);
        Array.Fill<byte>(grey.Pixels, 200);
        return grey;
    }
}
