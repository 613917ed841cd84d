using System.Buffers.Binary;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Storage.Format;

namespace SpadeCluster.Storage.Tests;

/// <summary>A level is written value by value, and read by vectors: whatever bits it has, it comes back.</summary>
public sealed class CompressedLevelTests
{
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 1, 5, 3 }, { 5, 1, 31 }, { 3, 4, 33 }, { 7, 7, 64 }, { 6, 5, 100 }, { 4, 4, 129 }, { 14, 14, 256 },
    };

    [Theory, MemberData(nameof(Shapes))]
    public void Any_bits_come_back(int height, int width, int channels)
    {
        var shape = new LevelShape(height, width, channels);
        var random = new Random(height + 7 * width + 101 * channels);
        foreach (var value in new Func<int, ushort>[]
        {
            _ => (ushort)random.Next(65_536), // infinite, not a number, subnormal, negative zero
            _ => 0,
            _ => 0x8000,
            _ => 0xFFFF,
            i => (ushort)(i * 3),
            i => (ushort)(random.Next(3) == 0 ? 0 : BitConverter.HalfToUInt16Bits((Half)(random.NextSingle() * 4))), // after a ReLU
            i => BitConverter.HalfToUInt16Bits((Half)(Math.Sin(i / channels) + i % channels)), // smooth
            i => (ushort)(i % 2 == 0 ? 0x7BFF : 0xFBFF), // the largest of either sign
        })
        {
            Half[] level = [.. Enumerable.Range(0, shape.Length).Select(i => BitConverter.UInt16BitsToHalf(value(i)))];
            byte[] compressed = CompressedLevel.Compress(level, shape);
            Assert.True(compressed.Length <= CompressedLevel.MaxLength(shape));
            var read = new Half[shape.Length];
            Assert.True(CompressedLevel.TryDecompress(compressed, shape, read));
            Assert.True(MemoryMarshal.AsBytes<Half>(level).SequenceEqual(MemoryMarshal.AsBytes<Half>(read)));
        }
    }

    /// <summary>Written down by hand, as ITU-T T.87 defines the predictor: 2x3 cells, one channel.</summary>
    [Fact]
    public void Differences_are_those_from_the_predictor()
    {
        // As ordered numbers, zero + these: 0 is predicted as 0, then from the left, from above, and by the median.
        ushort[] bits = [5, 9, 2, 7, 20, 1];
        int[] predicted = [0, 5, 9, 5, 9, 2]; // 20: left 7, above 9, corner 5: corner <= both, so the larger; 1: corner 9 >= above 2
        predicted[5] = 20 + 2 - 9; // between left 20 and above 2
        byte[] stored = [.. bits.Zip(predicted, (b, p) => (byte)(b >= p ? 2 * (b - p) : 2 * (p - b) - 1))];
        var shape = new LevelShape(2, 3, 1);
        byte[] compressed = CompressedLevel.Compress([.. bits.Select(BitConverter.UInt16BitsToHalf)], shape);
        using var zstd = new ZstdSharp.Decompressor();
        int first = BinaryPrimitives.ReadInt32LittleEndian(compressed);
        Assert.Equal(stored, zstd.Unwrap(compressed.AsSpan(4, first)).ToArray());
        Assert.Equal(new byte[6], zstd.Unwrap(compressed.AsSpan(4 + first)).ToArray());
    }

    [Fact]
    public void Smooth_features_take_less_and_noise_hardly_more()
    {
        var shape = new LevelShape(28, 28, 128);
        var random = new Random(1);
        Half[] smooth = [.. Enumerable.Range(0, shape.Length).Select(i => (Half)(2 + Math.Sin(i / 128 / 28 / 9.0) + i % 128 / 64.0))];
        Half[] noise = [.. smooth.Select(_ => BitConverter.UInt16BitsToHalf((ushort)random.Next(65_536)))];
        Assert.InRange(CompressedLevel.Compress(smooth, shape).Length, 1, shape.Length);
        Assert.InRange(CompressedLevel.Compress(noise, shape).Length, 2 * shape.Length, 2.01 * shape.Length);
    }

    /// <summary>Checksums are checked first, so this is for files that someone made.</summary>
    [Fact]
    public void Other_bytes_are_refused_and_never_throw()
    {
        var shape = new LevelShape(3, 4, 33);
        var random = new Random(2);
        Half[] level = [.. Enumerable.Range(0, shape.Length).Select(i => (Half)(i % 7))];
        byte[] good = CompressedLevel.Compress(level, shape);
        var read = new Half[shape.Length];
        for (int length = 0; length < good.Length; length++)
            Assert.False(CompressedLevel.TryDecompress(good.AsSpan(0, length), shape, read));
        foreach (var other in new LevelShape[] { new(3, 4, 34), new(3, 4, 32), new(1, 1, 1), new(300, 400, 33) })
            Assert.False(CompressedLevel.TryDecompress(good, other, new Half[other.Length]));
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. good];
            for (int n = random.Next(1, 4); n > 0; n--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            CompressedLevel.TryDecompress(bytes, shape, read);
        }
    }
}
