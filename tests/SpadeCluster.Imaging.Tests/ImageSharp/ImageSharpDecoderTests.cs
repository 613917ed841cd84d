using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Imaging.Tests;

namespace SpadeCluster.Imaging.Tests;

public class ImageSharpDecoderTests
{
    private static readonly ImageReader Reader = new(new ImageSharpDecoder());

    public static TheoryData<string> Files => [.. GoldenFiles.Names(".tif", ".webp")];

    [Fact]
    public void Golden_files_are_all_there() => Assert.Equal((16, 3), (GoldenFiles.Names(".tif").Length, GoldenFiles.Names(".webp").Length));

    [Theory]
    [MemberData(nameof(Files))]
    public void Decodes(string name)
    {
        var (expected, actual) = (GoldenFiles.Expected(name), Reader.ReadFile(GoldenFiles.PathOf(name)));
        if (name is "tiff-jpeg.tif" or "webp-lossy.webp")
        {
            Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
            Assert.InRange(expected.Pixels.Zip(actual.Pixels, (a, b) => Math.Abs(a - b)).Max(), 0, 2);
        }
        else
        {
            GoldenFiles.AssertSame(expected, actual);
        }
    }

    [Theory]
    [InlineData("tiff-rgb-raw.tif")]
    [InlineData("tiff-rgb-lzw.tif")]
    [InlineData("tiff-motorola-rgb16.tif")]
    [InlineData("webp-lossless.webp")]
    [InlineData("webp-lossy.webp")]
    public void Every_truncation_is_an_error(string name)
    {
        byte[] whole = GoldenFiles.Bytes(name);
        // Directories stand behind the pixels in some; a byte or two of padding at the end may go unseen.
        for (int length = 0; length < whole.Length - 2; length++)
            Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => Reader.Decode(whole.AsSpan(0, length), name)).Error);
    }

    [Fact]
    public void A_huge_size_is_refused_before_memory_is_taken()
    {
        byte[] tiff = GoldenFiles.Bytes("tiff-rgb-raw.tif");
        for (int entry = 10, n = 0; n < 2; entry += 12, n++) BitConverter.TryWriteBytes(tiff.AsSpan(entry + 8), 60_000); // tags 256 and 257 come first
        byte[] webp = GoldenFiles.Bytes("webp-lossless.webp");
        BitConverter.TryWriteBytes(webp.AsSpan(21), (16383u) | (16383u << 14)); // VP8L: 14 bits of width - 1, 14 of height - 1
        foreach (byte[] data in new[] { tiff, webp })
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            var e = Assert.Throws<SpadeException>(() => Reader.Decode(data, "huge"));
            Assert.Equal(SpadeError.ResourceExhausted, e.Error);
            Assert.Contains("more than the limit of 50,000,000 pixels", e.Message);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Fact]
    public void Limits_are_the_callers()
    {
        byte[] data = GoldenFiles.Bytes("tiff-rgb-lzw.tif"); // 21x13
        Reader.Decode(data, "boundless", new(MaxPixels: long.MaxValue));
        Reader.Decode(data, "fits", new(MaxPixels: 21 * 13));
        Assert.Equal(SpadeError.ResourceExhausted, Assert.Throws<SpadeException>(() => Reader.Decode(data, "too many", new(MaxPixels: (21 * 13) - 1))).Error);
    }

    /// <summary>Eight bytes a pixel of the limit and a megabyte: no room for 2,000 x 100 pixels of RGBA floats in one strip.</summary>
    [Fact]
    public void A_buffer_beyond_the_limit_is_refused()
    {
        using var rows = new MemoryStream();
        using (var zlib = new System.IO.Compression.ZLibStream(rows, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(new byte[2000 * 100 * 16]);
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        (int Tag, int Type, int Count, int Value)[] entries =
        [
            (256, 4, 1, 2000), (257, 4, 1, 100), (258, 3, 4, 200), (259, 3, 1, 8), (262, 3, 1, 2), (273, 4, 1, 216), (277, 3, 1, 4),
            (278, 4, 1, 100), (279, 4, 1, (int)rows.Length), (338, 3, 1, 2), (339, 3, 4, 208),
        ];
        writer.Write("II*\0"u8);
        writer.Write(8);
        writer.Write((short)entries.Length);
        foreach (var (tag, type, count, value) in entries)
        {
            writer.Write((short)tag);
            writer.Write((short)type);
            writer.Write(count);
            writer.Write(value);
        }
        file.Position = 200;
        for (int i = 0; i < 8; i++) writer.Write((short)(i < 4 ? 32 : 3));
        writer.Write(rows.ToArray());
        Assert.Equal(2000, Reader.Decode(file.ToArray(), "fits").Width);
        var e = Assert.Throws<SpadeException>(() => Reader.Decode(file.ToArray(), "floats", new(MaxPixels: 200_000)));
        Assert.Equal(SpadeError.ResourceExhausted, e.Error);
        Assert.Contains("more memory", e.Message);
    }

    [Fact]
    public void Strips_beyond_the_file_and_endless_directories_are_refused()
    {
        byte[] data = GoldenFiles.Bytes("tiff-motorola-rgb8.tif");
        byte[] lying = [.. data];
        lying[0x82] = 0x7F; // the first strip's offset
        Assert.Contains("beyond its end", Assert.Throws<SpadeException>(() => Reader.Decode(lying, "strip")).Message);
        lying = [.. data];
        (lying[8], lying[9]) = (0xFF, 0xFF); // entries
        Assert.Contains("truncated", Assert.Throws<SpadeException>(() => Reader.Decode(lying, "entries")).Message);
        lying = [.. data];
        for (int i = 4; i < 8; i++) lying[i] = 0xFF; // where the directory is
        Assert.Contains("truncated", Assert.Throws<SpadeException>(() => Reader.Decode(lying, "directory")).Message);
    }

    [Fact]
    public void Other_formats_are_left_to_others()
    {
        var decoder = new ImageSharpDecoder();
        foreach (byte[] data in new byte[][] { [.. "GIF89a"u8], [.. "RIFF....WAVE"u8], [.. "II"u8], [.. "%PDF-1.7"u8], [] })
            Assert.False(decoder.CanDecode(data));
        Assert.Contains("(PNG, JPEG, BMP, PNM, TIFF, WebP)", Assert.Throws<SpadeException>(() => ImageReader.Default.Decode("GIF89a"u8, "x")).Message);
    }

    /// <summary>Damaged files, thousands of them: an image or a <see cref="SpadeException"/>, within bounds of memory and time.</summary>
    [Theory]
    [InlineData(".tif")]
    [InlineData(".webp")]
    [InlineData(".jpg")]
    public void Mutated_files_decode_or_say_why(string extension)
    {
        var limits = new ImageLimits(MaxPixels: 1_000_000);
        var random = new Random(extension[1]);
        byte[][] seeds = [.. GoldenFiles.Names(extension).Select(GoldenFiles.Bytes)];
        int decoded = 0, refused = 0;
        var slowest = TimeSpan.Zero;
        for (int run = 0; run < 2000; run++)
        {
            byte[] data = [.. seeds[random.Next(seeds.Length)]];
            for (int n = random.Next(1, 5); n > 0; n--)
            {
                int at = random.Next(data.Length), near = random.Next(Math.Min(data.Length, 160));
                if (random.Next(2) == 0) data[near] = (byte)random.Next(256);
                else data[at] ^= (byte)(1 << random.Next(8));
            }
            long start = Stopwatch.GetTimestamp();
            try
            {
                RgbImage image = Reader.Decode(data, "mutated", limits);
                Assert.InRange((long)image.Width * image.Height, 1, limits.MaxPixels);
                decoded++;
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted)
            {
                refused++;
            }
            var took = Stopwatch.GetElapsedTime(start);
            slowest = took > slowest ? took : slowest;
        }
        Assert.True(decoded > 100 && refused > 100, $"{decoded} decoded, {refused} refused");
        Assert.True(slowest < TimeSpan.FromSeconds(5), $"one took {slowest}");
    }
}
