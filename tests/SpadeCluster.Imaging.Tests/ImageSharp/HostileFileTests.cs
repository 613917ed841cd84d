using SpadeCluster.Imaging.Tests;

namespace SpadeCluster.Imaging.Tests;

/// <summary>Files that are whole to the eye but not inside, and odd ones that are right: ImageSharp would leave the one black and refuse the other.</summary>
public class HostileFileTests
{
    private static string Refusal(byte[] data)
    {
        var e = Assert.Throws<SpadeException>(() => ImageReader.Default.Decode(data, "hostile"));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        return e.Message;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_PNG_that_lacks_rows_is_refused_and_one_that_ends_black_is_not(bool interlaced)
    {
        // 8x8 grey; interlaced, Adam7's passes have 15 rows together.
        byte[] rows = new byte[interlaced ? 64 + 15 : 72];
        Assert.Equal(new byte[192], ImageReader.Default.Decode(Of(rows), "black").Pixels);
        for (int length = 1; length < rows.Length; length++) Assert.Contains("incomplete", Refusal(Of(rows[..length])));

        byte[] Of(byte[] inflated) => Grey(8, 8, interlaced, PngBytes.Deflate(inflated));
    }

    [Fact]
    public void Rows_that_a_PNG_lacks_are_noticed_behind_bright_ones()
    {
        byte[] rows = [.. Enumerable.Repeat<byte[]>([0, 200, 201, 202], 4).SelectMany(r => r)]; // 3x4 grey
        Assert.Equal(202, ImageReader.Default.Decode(Grey(3, 4, false, PngBytes.Deflate(rows)), "whole").Pixels[^1]);
        for (int length = 1; length < rows.Length; length++) Assert.Contains("incomplete", Refusal(Grey(3, 4, false, PngBytes.Deflate(rows[..length]))));
    }

    [Fact]
    public void A_PNG_may_begin_with_an_empty_chunk_of_pixels_or_come_in_single_bytes()
    {
        byte[] stream = PngBytes.Deflate([0, 9, 8, 7]);
        byte[][] split = [[], .. stream.Select(b => new[] { b })];
        Assert.Equal([9, 9, 9, 8, 8, 8, 7, 7, 7], ImageReader.Default.Decode(Grey(3, 1, false, split), "split").Pixels);
    }

    [Theory]
    [InlineData("P5 2 1 100\n\u0007\u0065")]
    [InlineData("P2 2 1 255\n7 256")]
    [InlineData("P2 2 1 255\n7 -1")]
    [InlineData("P3 1 1 255\n7 x 7")]
    public void A_PNM_sample_that_is_none_is_refused(string file) => Refusal([.. file.Select(c => (byte)c)]);

    [Theory]
    [InlineData("tiff-rgb-raw.tif")]
    [InlineData("tiff-motorola-rgb8.tif")]
    public void A_TIFF_whose_strips_are_too_few_or_too_short_is_refused(string name)
    {
        byte[] whole = GoldenFiles.Bytes(name);
        bool big = whole[0] == 'M';
        int directory = (int)Number(4, 4);
        for (int i = 0; i < (int)Number(directory, 2); i++)
        {
            int entry = directory + 2 + (12 * i), tag = (int)Number(entry, 2);
            if (tag != 279) continue; // StripByteCounts: one byte less than it takes, or one strip less
            bool one = Number(entry + 4, 4) == 1;
            int width = Number(entry + 2, 2) == 3 ? 2 : 4, first = one ? entry + 8 : (int)Number(entry + 8, 4);
            byte[] data = [.. whole];
            Write(data, first, width, Number(first, width) - 1);
            Assert.Contains("truncated", Refusal(data));
            data = [.. whole];
            Write(data, entry + 4, 4, Number(entry + 4, 4) - 1);
            Assert.Contains("truncated", Refusal(data));
            return;
        }
        Assert.Fail("no StripByteCounts");

        uint Number(int at, int bytes) => (uint)whole.AsSpan(at, bytes).ToArray().Select((b, i) => b << (8 * (big ? bytes - 1 - i : i))).Sum();
        void Write(byte[] to, int at, int bytes, uint value)
        {
            for (int i = 0; i < bytes; i++) to[at + i] = (byte)(value >> (8 * (big ? bytes - 1 - i : i)));
        }
    }

    private static byte[] Grey(int width, int height, bool interlaced, params byte[][] pixels) => PngBytes.Join(
        [PngBytes.Header(width, height, color: 0, interlace: interlaced ? 1 : 0), .. pixels.Select(p => PngBytes.Chunk("IDAT", p)), PngBytes.Chunk("IEND", [])]);
}
