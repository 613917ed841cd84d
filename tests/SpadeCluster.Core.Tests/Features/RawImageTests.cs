using System.Buffers.Binary;
using SpadeCluster.Features;

namespace SpadeCluster.Core.Tests.Features;

public sealed class RawImageTests
{
    // Two rows of two pixels, each row padded by two bytes of 99 that must not be used.
    private static readonly RawImage Rgb =
        new("a", RawFormat.Rgb8, 2, 2, new byte[] { 1, 2, 3, 4, 5, 6, 99, 99, 7, 8, 9, 10, 11, 12, 99, 99 }, Stride: 8);

    [Fact]
    public void Every_layout_becomes_the_expected_bytes()
    {
        AssertPixels([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], Rgb);
        AssertPixels([3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10], Rgb with { Format = RawFormat.Bgr8 });
        AssertPixels([5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8], new("a", RawFormat.Gray8, 2, 2, new byte[] { 5, 6, 99, 7, 8 }, Stride: 3));
        // Little-endian: 0x0080 is below half a step of 8 bits, 0x0081 above it.
        AssertPixels([0, 0, 0, 1, 1, 1, 255, 255, 255, 127, 127, 127],
            new("a", RawFormat.Gray16, 2, 2, new byte[] { 0x80, 0, 0x81, 0, 0xFF, 0xFF, 0xFF, 0x7F }));
    }

    [Fact]
    public void Sixteen_bits_round_to_the_nearest_of_eight()
    {
        byte[] samples = new byte[2 * 65536];
        for (int v = 0; v < 65536; v++) BinaryPrimitives.WriteUInt16LittleEndian(samples.AsSpan(2 * v), (ushort)v);
        byte[] pixels = RawImage.Unpack(new RawImage("a", RawFormat.Gray16, 256, 256, samples).Pack()).Pixels;
        for (int v = 0; v < 65536; v++) Assert.Equal((byte)Math.Round(v * 255 / 65535.0), pixels[3 * v]);
    }

    [Fact]
    public void Padding_and_the_order_of_colours_do_not_change_the_id_but_size_and_layout_do()
    {
        byte[] packed = Rgb.Pack();
        Assert.Equal(packed, new RawImage("b", RawFormat.Rgb8, 2, 2, new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }).Pack());
        Assert.Equal(packed, new RawImage("b", RawFormat.Bgr8, 2, 2, new byte[] { 3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10 }).Pack());
        byte[] grey = new byte[12];
        byte[][] different = [packed, new RawImage("a", RawFormat.Gray8, 3, 4, grey).Pack(),
            new RawImage("a", RawFormat.Gray8, 4, 3, grey).Pack(), new RawImage("a", RawFormat.Gray16, 2, 3, grey).Pack(),
            new RawImage("a", RawFormat.Rgb8, 2, 2, grey).Pack()];
        Assert.Equal(different.Length, different.Select(p => Convert.ToHexString(p)).Distinct().Count());
    }

    /// <summary>Galleries and decision logs keep these bytes or their hash: the layout must not change.</summary>
    [Fact]
    public void Packed_bytes_are_a_header_of_16_bytes_and_the_rows() =>
        Assert.Equal([.. "SPADE\0\u0001\0"u8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], Rgb.Pack());

    [Theory]
    [InlineData(0, 2, 0, 0, "a: raw pixels need a width and a height above 0, not 0x2")]
    [InlineData(2, -1, 0, 6, "a: raw pixels need a width and a height above 0, not 2x-1")]
    [InlineData(2, 2, 5, 12, "a: a stride of 5 bytes is less than a row of 2 pixels, 6 bytes")]
    [InlineData(2, 2, -8, 12, "a: a stride of -8 bytes is less than a row of 2 pixels, 6 bytes")]
    [InlineData(2, 2, 8, 13, "a: 2x2 pixels of Rgb8, stride 8 bytes, take 14 bytes, but 13 came")]
    [InlineData(2, 2, 8, 17, "a: 2x2 pixels of Rgb8, stride 8 bytes, take 14 bytes, but 17 came")]
    [InlineData(int.MaxValue, int.MaxValue, 0, 12,
        "a: 2147483647x2147483647 pixels of Rgb8, stride 6442450941 bytes, take 13835058042397261827 bytes, but 12 came")]
    public void Pixels_that_do_not_fill_the_size_are_refused(int width, int height, int stride, int bytes, string message)
    {
        var e = Assert.Throws<SpadeException>(() => new RawImage("a", RawFormat.Rgb8, width, height, new byte[bytes], stride).Pack());
        Assert.Equal((SpadeError.InvalidArgument, message), (e.Error, e.Message));
    }

    [Fact]
    public void Damaged_bytes_are_refused()
    {
        byte[] packed = Rgb.Pack();
        for (int length = 0; length < packed.Length; length++) Refused(packed[..length]);
        Refused([.. packed, 0]);
        foreach (int at in (int[])[0, 6, 7, 8, 11, 12, 15])
        {
            byte[] damaged = [.. packed];
            damaged[at] ^= 0x81;
            Refused(damaged);
        }

        static void Refused(byte[] data) =>
            Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => RawImage.Unpack(data)).Error);
    }

    private static void AssertPixels(byte[] expected, RawImage frame)
    {
        var image = RawImage.Unpack(frame.Pack());
        Assert.Equal((frame.Width, frame.Height), (image.Width, image.Height));
        Assert.Equal(expected, image.Pixels);
    }
}
