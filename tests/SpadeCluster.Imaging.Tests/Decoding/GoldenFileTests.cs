namespace SpadeCluster.Imaging.Tests;

/// <summary>Every kind of file that the formats know, against pixels computed or decoded elsewhere.</summary>
public class GoldenFileTests
{
    public static TheoryData<string> OwnFormats => [.. GoldenFiles.Names(".png", ".bmp", ".pbm", ".pgm", ".ppm")];

    public static TheoryData<string> Jpegs => [.. GoldenFiles.Names(".jpg")];

    [Theory]
    [MemberData(nameof(OwnFormats))]
    public void Decodes(string name) => GoldenFiles.AssertSame(GoldenFiles.Expected(name), ImageReader.Default.ReadFile(GoldenFiles.PathOf(name)));

    [JpegTheory]
    [MemberData(nameof(Jpegs))]
    public void Decodes_jpeg_as_Pillow_does(string name) => Decodes(name);

    [Fact]
    public void Golden_files_are_all_there() =>
        Assert.Equal((52, 16, 18, 7), (GoldenFiles.Names(".png").Length, GoldenFiles.Names(".bmp").Length, GoldenFiles.Names(".pbm", ".pgm", ".ppm").Length, GoldenFiles.Names(".jpg").Length));

    [Fact]
    public void Sixteen_bits_round_to_the_nearest_of_eight()
    {
        // All 65536 values as one PGM and, byte for byte the same samples, as one 16-bit PNG row by row.
        var samples = new byte[2 * 65536];
        for (int v = 0; v < 65536; v++)
            (samples[2 * v], samples[2 * v + 1]) = ((byte)(v >> 8), (byte)v);
        var pgm = ImageReader.Default.Decode([.. "P5 256 256 65535\n"u8, .. samples], "pgm");
        var png = ImageReader.Default.Decode(PngBytes.Make(256, 256, 16, 0, samples), "png");
        for (int v = 0; v < 65536; v++)
        {
            int nearest = (int)Math.Round(v * 255 / 65535.0);
            Assert.Equal((nearest, nearest), (pgm.Pixels[3 * v], png.Pixels[3 * v]));
        }
    }
}
