using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SpadeCluster.Imaging.Tests;

namespace SpadeCluster.Imaging.Tests;

/// <summary>What would be read wrongly if it were decoded as everything else.</summary>
public class MisreadTests
{
    /// <summary>A BMP of one pixel, all bits of its fields set: white.</summary>
    [Theory]
    [InlineData(16, 0xF00u, 0xF0u, 0xFu)]
    [InlineData(16, 0xFF00u, 0xF0u, 0xFu)]
    [InlineData(32, 0x1F0000u, 0x1F00u, 0x1Fu)]
    [InlineData(32, 0x3FF00000u, 0xFFC00u, 0x3FFu)]
    [InlineData(16, 0xF800u, 0x7E0u, 0x1Fu)]
    [InlineData(16, 0x7C00u, 0x3E0u, 0x1Fu)]
    [InlineData(32, 0xFF000000u, 0xFF0000u, 0xFF00u)]
    public void Bit_fields_of_any_width_are_scaled(int bits, uint r, uint g, uint b)
    {
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("BM"u8);
        foreach (int value in (ReadOnlySpan<int>)[70, 0, 66, 40, 1, 1, 1 | (bits << 16), 3, 4, 0, 0, 0, 0]) writer.Write(value);
        foreach (uint value in (ReadOnlySpan<uint>)[r, g, b, r | g | b]) writer.Write(value);
        Assert.Equal([255, 255, 255], ImageReader.Default.Decode(file.ToArray(), "fields").Pixels);
    }

    /// <summary>On black, colours that are multiplied by alpha already are what they are.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void Alpha_that_a_TIFF_has_multiplied_in_is_not_multiplied_again(byte type)
    {
        byte[] data = GoldenFiles.Bytes("tiff-rgba.tif");
        int entry = data.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x52, 0x01, 3, 0, 1, 0, 0, 0, 2, 0]); // 338 ExtraSamples: unassociated
        (data[entry + 2], data[entry + 8]) = (type, 1); // of whatever integer
        using var stored = SixLabors.ImageSharp.Image.Load<Rgba32>(GoldenFiles.Bytes("tiff-rgba.tif"));
        var pixels = ImageReader.Default.Decode(data, "associated").Pixels;
        for (int y = 0, at = 0; y < stored.Height; y++)
            for (int x = 0; x < stored.Width; x++, at += 3)
                Assert.Equal((stored[x, y].R, stored[x, y].G, stored[x, y].B), (pixels[at], pixels[at + 1], pixels[at + 2]));
    }
}
