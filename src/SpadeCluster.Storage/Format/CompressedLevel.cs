using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace SpadeCluster.Storage.Format;

/// <summary>
/// A level of float16 in fewer bytes, with the same bits. Neighbouring cells have similar features, so each value is predicted from those
/// of the cells to the left, above, and above on the left, by the predictor of JPEG-LS (ITU-T T.87, A.4.2). The difference's low and high
/// bytes are compressed apart, by zstd: the high ones are mostly 0, the low ones mostly noise.
/// <code>
/// 0   4  length of the next frame, little-endian
/// 4      zstd frame: low byte of each difference [y][x][channel]
/// ..     zstd frame: high byte of each difference
/// </code>
/// Values are compared as numbers that have the order of the floats: the bits of a positive one with the sign set, those of a negative one
/// inverted. A difference d, modulo 65,536, is stored as 2d, or as -2d - 1 where it is negative.
/// </summary>
internal static class CompressedLevel
{
    private const ushort Zero = 0x8000;

    public static byte[] Compress(ReadOnlySpan<Half> level, LevelShape shape)
    {
        var values = MemoryMarshal.Cast<Half, short>(level);
        int row = shape.Width * shape.Channels;
        var low = new byte[level.Length];
        var high = new byte[level.Length];
        for (int i = 0; i < values.Length; i++)
        {
            bool left = i % row >= shape.Channels, above = i >= row;
            ushort predicted = (left, above) switch
            {
                (true, true) => Predict(Ordered(values[i - shape.Channels]), Ordered(values[i - row]),
                    Ordered(values[i - row - shape.Channels])),
                (true, false) => Ordered(values[i - shape.Channels]),
                (false, true) => Ordered(values[i - row]),
                _ => Zero,
            };
            short difference = (short)(Ordered(values[i]) - predicted);
            ushort stored = (ushort)((difference << 1) ^ (difference >> 15));
            (low[i], high[i]) = ((byte)stored, (byte)(stored >> 8));
        }
        using var zstd = EntropyCoder();
        byte[] first = zstd.Wrap(low).ToArray();
        var second = zstd.Wrap(high);
        var compressed = new byte[4 + first.Length + second.Length];
        BinaryPrimitives.WriteInt32LittleEndian(compressed, first.Length);
        first.CopyTo(compressed, 4);
        second.CopyTo(compressed.AsSpan(4 + first.Length));
        return compressed;
    }

    /// <summary>The largest number of bytes of a compressed level.</summary>
    public static int MaxLength(LevelShape shape) => 4 + 2 * Compressor.GetCompressBound(shape.Length);

    /// <returns>False: these are not the bytes of a level of this shape.</returns>
    public static bool TryDecompress(ReadOnlySpan<byte> compressed, LevelShape shape, Span<Half> level)
    {
        int first = compressed.Length < 4 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(compressed);
        if (first < 0 || first > compressed.Length - 4) return false;
        byte[] stored = ArrayPool<byte>.Shared.Rent(2 * shape.Length);
        try
        {
            var low = stored.AsSpan(0, shape.Length);
            var high = stored.AsSpan(shape.Length, shape.Length);
            using var zstd = new Decompressor();
            if (zstd.Unwrap(compressed.Slice(4, first), low) != low.Length || zstd.Unwrap(compressed[(4 + first)..], high) != high.Length)
                return false;
            Restore(low, high, shape, MemoryMarshal.Cast<Half, ushort>(level));
            return true;
        }
        catch (ZstdException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
        }
    }

    private static void Restore(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high, LevelShape shape, Span<ushort> values)
    {
        int row = shape.Width * shape.Channels;
        var none = new ushort[shape.Channels];
        none.AsSpan().Fill(Zero);
        for (int i = 0; i < values.Length; i += shape.Channels)
        {
            bool hasLeft = i % row > 0, hasAbove = i >= row;
            // A cell with one neighbour is predicted to equal it: it stands in for the other and the corner, and the predictor returns it.
            ReadOnlySpan<ushort> above = hasAbove ? values.Slice(i - row, shape.Channels)
                : hasLeft ? values.Slice(i - shape.Channels, shape.Channels) : none;
            var left = hasLeft ? values.Slice(i - shape.Channels, shape.Channels) : above;
            var corner = hasLeft && hasAbove ? values.Slice(i - row - shape.Channels, shape.Channels) : above;
            Add(low.Slice(i, shape.Channels), high.Slice(i, shape.Channels), left, above, corner, values.Slice(i, shape.Channels));
        }
        ToHalves(values);
    }

    /// <summary>The values of one cell: the predictions and their differences, added.</summary>
    // A process that has just started reads many normals before the runtime would optimise this.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high, ReadOnlySpan<ushort> left, ReadOnlySpan<ushort> above,
        ReadOnlySpan<ushort> corner, Span<ushort> values)
    {
        int i = 0;
        for (; i <= values.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(low[i..]), out var low0, out var low1);
            Vector.Widen(new Vector<byte>(high[i..]), out var high0, out var high1);
            int j = i + Vector<ushort>.Count;
            (PredictMany(new(left[i..]), new(above[i..]), new(corner[i..])) + Difference(low0 | (high0 << 8))).CopyTo(values[i..]);
            (PredictMany(new(left[j..]), new(above[j..]), new(corner[j..])) + Difference(low1 | (high1 << 8))).CopyTo(values[j..]);
        }
        for (; i < values.Length; i++)
        {
            int stored = low[i] | (high[i] << 8);
            values[i] = (ushort)(Predict(left[i], above[i], corner[i]) + ((stored >> 1) ^ -(stored & 1)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToHalves(Span<ushort> values)
    {
        int i = 0;
        for (; i <= values.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var value = new Vector<ushort>(values[i..]);
            var positive = Vector<ushort>.Zero - (value >>> 15);
            Vector.ConditionalSelect(positive, value ^ new Vector<ushort>(Zero), ~value).CopyTo(values[i..]);
        }
        for (; i < values.Length; i++) values[i] = (ushort)(values[i] >= Zero ? values[i] ^ Zero : ~values[i]);
    }

    /// <summary>A compressor that seldom looks for repeated bytes: there are few, and what is found by chance makes the frames larger, by
    /// 2.5 % with ResNet-18 at level 1.</summary>
    private static Compressor EntropyCoder()
    {
        const int LongestMinimum = 7, SmallestHash = 6;
        var zstd = new Compressor(level: 1);
        zstd.SetParameter(ZSTD_cParameter.ZSTD_c_minMatch, LongestMinimum);
        zstd.SetParameter(ZSTD_cParameter.ZSTD_c_hashLog, SmallestHash);
        return zstd;
    }

    private static ushort Ordered(short bits) => (ushort)(bits < 0 ? ~bits : bits | Zero);

    private static ushort Predict(ushort left, ushort above, ushort corner)
    {
        var (least, most) = (Math.Min(left, above), Math.Max(left, above));
        return corner >= most ? least : corner <= least ? most : (ushort)(left + above - corner);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<ushort> PredictMany(Vector<ushort> left, Vector<ushort> above, Vector<ushort> corner)
    {
        var (least, most) = (Vector.Min(left, above), Vector.Max(left, above));
        var between = Vector.ConditionalSelect(Vector.LessThanOrEqual(corner, least), most, left + above - corner);
        return Vector.ConditionalSelect(Vector.GreaterThanOrEqual(corner, most), least, between);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<ushort> Difference(Vector<ushort> stored) =>
        (stored >>> 1) ^ (Vector<ushort>.Zero - (stored & Vector<ushort>.One));
}
