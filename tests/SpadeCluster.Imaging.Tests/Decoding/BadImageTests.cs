using System.Buffers.Binary;
using System.Text;

namespace SpadeCluster.Imaging.Tests;

/// <summary>Each kind of bad input has its own error and one sentence that names the file.</summary>
public class BadImageTests
{
    private static readonly byte[] Black4x4 = PngBytes.Deflate(new byte[4 * 13]);

    public static TheoryData<string, byte[], string> Damaged => new()
    {
        { "empty", [], "empty" },
        { "a text named .png", "this is no picture"u8.ToArray(), "no known image format" },
        { "PNG signature only", PngBytes.Join(), "truncated" },
        { "PNG without data", PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IEND", [])), "too little data" },
        { "PNG without end", PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IDAT", Black4x4)), "truncated" },
        { "PNG cut in a chunk", PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IDAT", Black4x4)[..^6]), "truncated" },
        { "PNG with a wrong checksum of its header", WrongCrc("IHDR"), "checksum of its chunk IHDR" },
        { "PNG with a wrong checksum of its pixels", WrongCrc("IDAT"), "checksum of its chunk IDAT" },
        { "PNG with two headers", PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Header(4, 4)), "second header" },
        { "PNG with data first", PngBytes.Join(PngBytes.Chunk("IDAT", Black4x4)), "begin with its header" },
        { "PNG of no size", PngBytes.Join(PngBytes.Header(0, 4)), "image is empty" },
        { "PNG of odd depth", PngBytes.Join(PngBytes.Header(4, 4, depth: 3)), "no PNG of colour type 2 with 3 bits" },
        { "PNG of odd colour", PngBytes.Join(PngBytes.Header(4, 4, color: 5)), "no PNG of colour type 5" },
        { "PNG of odd interlacing", PngBytes.Join(PngBytes.Header(4, 4, interlace: 2)), "interlacing 2" },
        { "PNG with a critical chunk", PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("ABCD", [])), "'ABCD'" },
        { "PNG without palette", Whole(PngBytes.Header(4, 4, color: 3), new byte[4 * 5]), "damaged or of an unsupported kind" },
        { "PNG with a palette of 4 bytes", Whole(PngBytes.Header(4, 4, color: 3), new byte[4 * 5], PngBytes.Chunk("PLTE", new byte[4])),
            "palette has 4 bytes" },
        { "PNG with a row too few", Whole(PngBytes.Header(4, 4), new byte[3 * 13]), "incomplete" },
        { "PNG with an unknown filter", Whole(PngBytes.Header(4, 4), Enumerable.Repeat((byte)5, 52).ToArray()), "unknown filter 5" },
        { "PNG with an unknown filter in its third row", Whole(PngBytes.Header(4, 4), [.. new byte[26], 9, .. new byte[25]]),
            "row 2 has the unknown filter 9" },
        { "PNG with a bright last row and a row too few", Whole(PngBytes.Header(4, 4), Enumerable.Repeat((byte)1, 39).ToArray()),
            "incomplete" },
        { "PNG with a row too many", Whole(PngBytes.Header(4, 4), Enumerable.Repeat((byte)1, 65).ToArray()), "more data" },
        { "PNG with a wrong checksum of all rows", WrongAdler(), "data is damaged" },
        { "PNG with no zlib stream", PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IDAT", new byte[60]), PngBytes.Chunk("IEND", [])),
            "data is damaged" },
        { "PNG whose data holds a row too few, interlaced",
            PngBytes.Join(PngBytes.Header(4, 4, interlace: 1), PngBytes.Chunk("IDAT", Black4x4), PngBytes.Chunk("IEND", [])),
            "interlaced" },
        { "JPEG of which a part is missing", [.. GoldenFiles.Bytes("jpeg-444.jpg")[..200]], "end is missing" },
        { "PNG with an empty chunk of pixels",
            PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IDAT", []), PngBytes.Chunk("IDAT", Black4x4), PngBytes.Chunk("IEND", [])),
            "empty or scattered" },
        { "PNG with a text between its pixels",
            PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IDAT", Black4x4[..4]), PngBytes.Chunk("tEXt", []),
                PngBytes.Chunk("IDAT", Black4x4[4..]), PngBytes.Chunk("IEND", [])), "empty or scattered" },
        { "BMP cut in its header", GoldenFiles.Bytes("bmp-24.bmp")[..30], "truncated" },
        { "BMP cut in its pixels", GoldenFiles.Bytes("bmp-24.bmp")[..^1], "truncated" },
        { "BMP cut in its palette", GoldenFiles.Bytes("bmp-8.bmp")[..100], "truncated" },
        { "BMP of an odd depth", Changed("bmp-24.bmp", 28, 23), "23 bits" },
        { "BMP with JPEG inside", Changed("bmp-24.bmp", 30, 4), "compression 4" },
        { "PNM cut in its header", "P6 10 "u8.ToArray(), "a number is missing" },
        { "PNM cut in its pixels", "P6 2 2 255\n12345678901"u8.ToArray(), "truncated" },
        { "PNM of a wrong maximum", "P5 2 2 70000\n12345678"u8.ToArray(), "maximum of 70000" },
        { "JPEG without its end", GoldenFiles.Bytes("jpeg-444.jpg")[..^1], "end is missing" },
        { "TIFF in BigTIFF", [.. "II+\0"u8, .. new byte[40]], "no known image format" },
        { "WebP cut by a byte", GoldenFiles.Bytes("webp-lossless.webp")[..^1], "truncated" },
        { "PNM of no size", "P6 0 4 255\n"u8.ToArray(), "image is empty" },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void Damaged_files_are_invalid_arguments(string name, byte[] data, string says)
    {
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(data, name));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.StartsWith(name + ": cannot decode the image: ", e.Message);
        Assert.Contains(says, e.Message);
        Assert.DoesNotContain('\n', e.Message);
    }

    public static TheoryData<string, byte[]> Huge => new()
    {
        { "PNG", PngBytes.Join(PngBytes.Header(60_000, 60_000)) },
        { "PNG of 2^31-1", PngBytes.Join(PngBytes.Header(int.MaxValue, int.MaxValue)) },
        { "PNG of 2^32-1", PngBytes.Join(PngBytes.Header(-1, -1)) },
        { "PNM", "P6 60000 60000 255\n"u8.ToArray() },
        { "PNM of ten digits", "P6 9999999999 9999999999 255\n"u8.ToArray() },
        { "BMP", Sized(60_000, 60_000) },
        { "BMP upside down", Sized(60_000, int.MinValue) },
    };

    [Theory]
    [MemberData(nameof(Huge))]
    public void Huge_headers_are_refused_before_memory_is_taken(string name, byte[] data)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(data, name));
        Assert.Equal(SpadeError.ResourceExhausted, e.Error);
        Assert.Contains("limit of 160,000,000 pixels", e.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_huge_jpeg_is_refused_before_memory_is_taken()
    {
        byte[] data = GoldenFiles.Bytes("jpeg-444.jpg");
        int frame = data.AsSpan().IndexOf<byte>([0xFF, 0xC0]);
        (data[frame + 5], data[frame + 6], data[frame + 7], data[frame + 8]) = (0xEA, 0x60, 0xEA, 0x60); // 60,000 x 60,000
        Huge_headers_are_refused_before_memory_is_taken("JPEG", data);
    }

    [Theory]
    [InlineData("png-rgb8.png")]
    [InlineData("bmp-24.bmp")]
    [InlineData("pnm-p6.ppm")]
    [InlineData("webp-lossless.webp")]
    [InlineData("webp-lossy.webp")]
    [InlineData("tiff-motorola-rgb8.tif")]
    public void Every_truncation_is_an_error(string name)
    {
        byte[] whole = GoldenFiles.Bytes(name);
        for (int length = 0; length < whole.Length; length++)
            Assert.Equal(SpadeError.InvalidArgument,
                Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(whole.AsSpan(0, length), name)).Error);
    }

    [Theory]
    [InlineData("jpeg-420.jpg")]
    [InlineData("jpeg-grey.jpg")]
    [InlineData("jpeg-progressive.jpg")]
    public void Every_truncated_jpeg_is_an_error(string name) => Every_truncation_is_an_error(name);

    [Fact]
    public void A_jpeg_of_endless_scans_is_refused()
    {
        byte[] data = GoldenFiles.Bytes("jpeg-progressive.jpg");
        int scan = data.AsSpan().IndexOf<byte>([0xFF, 0xDA]), next = scan + 2 + data.AsSpan(scan + 2).IndexOf<byte>([0xFF, 0xC4]);
        byte[] many = [.. data[..scan], .. Enumerable.Repeat(data[scan..next], 100).SelectMany(s => s), .. data[next..]];
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(many, "many"));
        Assert.Contains("more than 64 scans", e.Message);
    }

    [Fact]
    public void Bytes_behind_a_jpeg_do_not_count_as_scans()
    {
        // Cameras append previews and videos.
        byte[] data = [.. GoldenFiles.Bytes("jpeg-420.jpg"), .. Enumerable.Repeat<byte[]>([0xFF, 0xDA, 0, 1], 100).SelectMany(b => b)];
        GoldenFiles.AssertSame(ImageReader.Default.Decode(GoldenFiles.Bytes("jpeg-420.jpg"), "alone"),
            ImageReader.Default.Decode(data, "appended"));
    }

    [Fact]
    public void A_large_size_with_little_data_takes_no_memory()
    {
        byte[] lie = PngBytes.Join(PngBytes.Header(7000, 7000), PngBytes.Chunk("IDAT", Black4x4), PngBytes.Chunk("IEND", []));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("too little data", Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(lie, "lie")).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>Texts that inflate to 500 MB in a file of half a megabyte each: neither is inflated.</summary>
    [Theory]
    [InlineData("zTXt")]
    [InlineData("iTXt")]
    [InlineData("iCCP")]
    public void A_bomb_in_the_metadata_costs_nothing(string type)
    {
        byte[] bomb = Bomb(), head = type == "iTXt" ? [.. "key\0\u0001\0\0\0"u8] : [.. "key\0\0"u8];
        byte[] file = PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk(type, [.. head, .. bomb]), PngBytes.Chunk("IDAT", Black4x4),
            PngBytes.Chunk("IEND", []));
        ImageReader.Default.Decode(file, "warm");
        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(new byte[48], ImageReader.Default.Decode(file, "bomb").Pixels);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    private static byte[] Bomb()
    {
        var memory = new MemoryStream();
        using (var zlib = new System.IO.Compression.ZLibStream(memory, System.IO.Compression.CompressionLevel.Optimal, leaveOpen: true))
            for (int i = 0; i < 500; i++) zlib.Write(new byte[1 << 20]);
        return memory.ToArray();
    }

    [Fact]
    public void Rows_beyond_the_size_are_not_inflated()
    {
        byte[] bomb = Whole(PngBytes.Header(4, 4), new byte[64 << 20]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("more data", Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(bomb, "bomb")).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    /// <summary>A directory whose values all point at the same bytes: ImageSharp would copy these for each.</summary>
    [Fact]
    public void A_TIFF_that_repeats_its_bytes_is_refused()
    {
        var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("II*\0"u8);
        writer.Write(8);
        writer.Write((ushort)5000);
        for (int i = 0; i < 5000; i++) { writer.Write((ushort)(1000 + i)); writer.Write((ushort)7); writer.Write(50_000); writer.Write(8); }
        writer.Write(new byte[64]);
        Assert.Contains("more than the file contains",
            Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(file.ToArray(), "bomb")).Message);
    }

    /// <summary>ImageSharp 2.1.13 skips such first samples as part of the header.</summary>
    [Fact]
    public void The_first_sample_of_a_PNM_file_may_look_like_white_space_or_a_comment()
    {
        foreach (byte sample in " #\t\r\n"u8)
        {
            Assert.Equal([sample, sample, sample, 7, 7, 7], ImageReader.Default.Decode([.. "P5 2 1 255\n"u8, sample, 7], "pgm").Pixels);
            Assert.Equal([sample, 7, 8], ImageReader.Default.Decode([.. "P6 # x\n1 1\t255 "u8, sample, 7, 8], "ppm").Pixels);
        }
    }

    [Fact]
    public void Limits_are_the_callers()
    {
        byte[] data = GoldenFiles.Bytes("png-rgb8.png"); // 21x13
        ImageReader.Default.Decode(data, "fits", new(MaxPixels: 21 * 13, MaxFileBytes: data.Length));
        Assert.Equal(SpadeError.ResourceExhausted,
            Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(data, "pixels", new(MaxPixels: 21 * 13 - 1))).Error);
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(data, "bytes", new(MaxFileBytes: data.Length - 1)));
        Assert.Equal(SpadeError.ResourceExhausted, e.Error);
        e = Assert.Throws<SpadeException>(() => ImageReader.Default.ReadFile(GoldenFiles.PathOf("png-rgb8.png"), new(MaxFileBytes: 10)));
        Assert.Equal(SpadeError.ResourceExhausted, e.Error);
        Assert.Contains("png-rgb8.png: the file has ", e.Message);
    }

    [Fact]
    public void The_content_counts_not_the_extension()
    {
        string path = Path.Combine(Path.GetTempPath(), $"spade-{Guid.NewGuid():N}.jpg");
        try
        {
            File.WriteAllBytes(path, GoldenFiles.Bytes("png-rgb8.png"));
            GoldenFiles.AssertSame(GoldenFiles.Expected("png-rgb8"), ImageReader.Default.ReadFile(path));
            File.WriteAllText(path, "a text", Encoding.ASCII);
            Assert.StartsWith(path + ": cannot decode", Assert.Throws<SpadeException>(() => ImageReader.Default.ReadFile(path)).Message);
            if (!OperatingSystem.IsWindows() && !Environment.IsPrivilegedProcess) // root may read everything
            {
                File.SetUnixFileMode(path, UnixFileMode.None);
                var e = Assert.Throws<SpadeException>(() => ImageReader.Default.ReadFile(path));
                Assert.Equal((SpadeError.InvalidArgument, path + ": no permission to read this file"), (e.Error, e.Message));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("no-such-file.png", SpadeError.NotFound, "no-such-file.png: no such file")]
    [InlineData("no-such-folder/file.png", SpadeError.NotFound, "no-such-folder/file.png: no such file")]
    [InlineData(".", SpadeError.InvalidArgument, ".: is a folder, not an image file")]
    [InlineData("", SpadeError.InvalidArgument, ": not a usable file name")]
    [InlineData("a\0b", SpadeError.InvalidArgument, "a\0b: not a usable file name")]
    public void Unreadable_paths_say_why(string path, SpadeError error, string message)
    {
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.ReadFile(path));
        Assert.Equal((error, message), (e.Error, e.Message));
    }

    private static byte[] Whole(byte[] header, byte[] rows, params byte[][] between) =>
        PngBytes.Join([header, .. between, PngBytes.Chunk("IDAT", PngBytes.Deflate(rows)), PngBytes.Chunk("IEND", [])]);

    private static byte[] WrongCrc(string type)
    {
        byte[] data = GoldenFiles.Bytes("png-rgb8.png");
        int at = data.AsSpan().IndexOf(Encoding.ASCII.GetBytes(type)), length = BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(at - 4));
        data[at + 4 + length] ^= 1;
        return data;
    }

    private static byte[] WrongAdler()
    {
        byte[] rows = PngBytes.Deflate(new byte[4 * 13]);
        rows[^1] ^= 1;
        return PngBytes.Join(PngBytes.Header(4, 4), PngBytes.Chunk("IDAT", rows), PngBytes.Chunk("IEND", []));
    }

    private static byte[] Changed(string name, int at, byte value)
    {
        byte[] data = GoldenFiles.Bytes(name);
        data[at] = value;
        return data;
    }

    private static byte[] Sized(int width, int height)
    {
        byte[] data = GoldenFiles.Bytes("bmp-24.bmp");
        BitConverter.TryWriteBytes(data.AsSpan(18), width);
        BitConverter.TryWriteBytes(data.AsSpan(22), height);
        return data;
    }
}
