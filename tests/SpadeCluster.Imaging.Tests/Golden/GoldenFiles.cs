using System.Globalization;
using System.Text;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

/// <summary>The files that make.py wrote into this folder.</summary>
public static class GoldenFiles
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Golden");

    public static string PathOf(string name) => Path.Combine(Folder, name);

    public static byte[] Bytes(string name) => File.ReadAllBytes(PathOf(name));

    /// <summary>Names of the files with one of the extensions.</summary>
    public static string[] Names(params string[] extensions) =>
        [.. Directory.EnumerateFiles(Folder).Select(f => Path.GetFileName(f)!).Where(f => extensions.Contains(Path.GetExtension(f)))
            .Order(StringComparer.Ordinal)];

    public static string[] ExpectedNames(string prefix) =>
        [.. Directory.EnumerateFiles(Path.Combine(Folder, "expected"), prefix + "*").Select(f => Path.GetFileNameWithoutExtension(f)!)
            .Order(StringComparer.Ordinal)];

    /// <summary>What a file must decode to: raw PPM, parsed here and not by the decoder under test.</summary>
    public static RgbImage Expected(string name)
    {
        byte[] data = File.ReadAllBytes(Path.Combine(Folder, "expected", Path.GetFileNameWithoutExtension(name) + ".ppm"));
        string[] head = Encoding.ASCII.GetString(data, 0, Math.Min(data.Length, 40)).Split('\n', 4);
        Assert.Equal(("P6", "255"), (head[0], head[2]));
        int[] size = [.. head[1].Split(' ').Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
        return new RgbImage(size[0], size[1], data[^(3 * size[0] * size[1])..]);
    }

    public static void AssertSame(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        int at = expected.Pixels.AsSpan().CommonPrefixLength(actual.Pixels);
        if (at < expected.Pixels.Length)
            Assert.Fail($"pixel ({at / 3 % expected.Width}, {at / 3 / expected.Width}), channel {at % 3}: expected "
                + $"{expected.Pixels[at]}, got {actual.Pixels[at]}");
    }
}
