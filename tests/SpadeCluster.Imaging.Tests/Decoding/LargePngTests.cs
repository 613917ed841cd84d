using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

/// <summary>PNG files that are inflated by another thread, in more than one block.</summary>
public class LargePngTests
{
    private const int Width = 1000, Height = 700;

    private static readonly RgbImage Picture = Pictures.Noise(new Random(14), Width, Height);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_picture_is_the_same_for_any_number_of_threads(int threads)
    {
        using var rows = ImageReader.Default.Open(PngEncoder.Encode(Picture), "large", ImageLimits.Default, threads);
        GoldenFiles.AssertSame(Picture, rows.ToImage());
    }

    /// <summary>A row of 9000 pixels with four samples of 16 bits has 72,000 bytes: more than a stored block holds.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Rows_may_be_longer_than_a_block(int threads)
    {
        int width = 9000, height = 20;
        byte[] samples = new byte[width * height * 8];
        new Random(1).NextBytes(samples);
        for (int i = 0; i < samples.Length; i += 8) samples.AsSpan(i + 6, 2).Fill(255); // opaque
        using var rows = ImageReader.Default.Open(PngBytes.Make(width, height, 16, 6, samples), "wide", ImageLimits.Default, threads);
        byte[] pixels = rows.ToImage().Pixels;
        for (int i = 0; i < width * height; i++)
            for (int c = 0; c < 3; c++)
            {
                double exact = ((samples[(8 * i) + (2 * c)] * 256) + samples[(8 * i) + (2 * c) + 1]) * 255 / 65535.0;
                Assert.InRange(pixels[(3 * i) + c] - exact, -0.51, 0.51);
            }
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.9)]
    public void Damage_behind_a_part_of_the_rows_is_an_error(double share)
    {
        byte[] rows = new byte[(1 + (3 * Width)) * Height];
        new Random(2).NextBytes(rows);
        for (int y = 0; y < Height; y++) rows[y * (1 + (3 * Width))] = 0;
        byte[] deflated = PngBytes.Deflate(rows), cut = deflated[..(int)(deflated.Length * share)];
        foreach (int threads in (int[])[1, 2])
        {
            Assert.Contains("incomplete", Error(cut, threads));
            Assert.Contains("data is damaged", Error([.. deflated[..^4], 1, 2, 3, 4], threads));
            // No block of deflate has the type 3.
            Assert.Contains("data is damaged", Error([.. deflated[..2], 0xFF, .. deflated[3..]], threads));
        }
    }

    /// <summary>A file that is refused at its first row, while another thread has inflated some blocks of it.</summary>
    [Fact]
    public void A_thread_that_reads_ahead_ends_with_its_image()
    {
        byte[] rows = new byte[(1 + (3 * Width)) * Height];
        rows[0] = 9;
        Assert.Contains("unknown filter 9", Error(PngBytes.Deflate(rows), threads: 2));
        var source = new MemoryStream(new byte[10 << 20]);
        using (var ahead = new ReadAheadStream(source))
            Assert.Equal(0, ahead.ReadByte());
        Assert.False(source.CanRead);
    }

    private static string Error(byte[] deflated, int threads)
    {
        byte[] file = PngBytes.Join(PngBytes.Header(Width, Height), PngBytes.Chunk("IDAT", deflated), PngBytes.Chunk("IEND", []));
        return Assert.Throws<SpadeException>(() => ImageReader.Default.Open(file, "damaged", ImageLimits.Default, threads)).Message;
    }
}
