using System.Text;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>Photographs of a product that is a smooth gradient with noise, and of damaged products.</summary>
internal static class Photos
{
    private const int Side = 24;

    public static IReadOnlyList<ImageSource> Normals(int count) =>
        [.. Enumerable.Range(0, count).Select(i => Source($"normal{i}.ppm", Ppm(i, defect: false)))];

    public static IReadOnlyList<ImageSource> Mixed(int count) =>
        [.. Enumerable.Range(0, count).Select(i => Source($"photo{i}.ppm", Ppm(10_000 + i, defect: i % 2 == 1)))];

    public static ImageSource Source(string name, byte[] file) => new(name, file);

    public static byte[] Ppm(int seed, bool defect)
    {
        var random = new Random(seed);
        var pixels = new byte[3 * Side * Side];
        int dx = random.Next(Side - 8), dy = random.Next(Side - 8);
        for (int y = 0; y < Side; y++)
            for (int x = 0; x < Side; x++)
                for (int c = 0; c < 3; c++)
                {
                    int value = 60 + 4 * x + 2 * y + 10 * c + random.Next(12);
                    if (defect && x >= dx && x < dx + 6 && y >= dy && y < dy + 6) value = 255 - value / 2;
                    pixels[3 * (y * Side + x) + c] = (byte)Math.Clamp(value, 0, 255);
                }
        return [.. Encoding.ASCII.GetBytes($"P6\n{Side} {Side}\n255\n"), .. pixels];
    }
}
