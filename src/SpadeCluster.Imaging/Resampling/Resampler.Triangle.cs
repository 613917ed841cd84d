using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>The two passes of the triangle filter. All kernels compute the same integers.</summary>
public static partial class Resampler
{
    private const int Half = 1 << (TriangleKernel.FractionBits - 1);

    /// <summary>Vector width of the passes; tests run all.</summary>
    internal enum Kernel
    {
        /// <summary>The reference.</summary>
        Scalar,
        /// <summary>128 bits, which every machine has: horizontally one pixel at a time, its channels together.</summary>
        Vector128,
        /// <summary>256 bits, where the processor has AVX2: horizontally two pixels at a time; vertically as
        /// <see cref="Vector128"/>.</summary>
        Vector256,
        /// <summary>512 bits, where the processor has them: horizontally four pixels at a time; vertically as <see cref="Vector128"/>,
        /// which is limited by memory.</summary>
        Vector512,
    }

    /// <summary>What <see cref="Resize(PixelRows, int, int)"/> uses.</summary>
    private static readonly Kernel Best =
        Vector512.IsHardwareAccelerated ? Kernel.Vector512 : Avx2.IsSupported ? Kernel.Vector256 : Kernel.Vector128;

    internal static RgbImage ResizeAcross(PixelRows image, int width, Kernel kernel)
    {
        var weights = new TriangleKernel(image.Width, width);
        var result = new RgbImage(width, image.Height);
        RowBlocks.Run(image.Height, width, (start, end) =>
        {
            byte[] buffer = new byte[3 * image.Width];
            for (int y = start; y < end; y++)
            {
                var source = image.Row(y, buffer);
                var target = result.Pixels.AsSpan(3 * y * width, 3 * width);
                int done = kernel switch
                {
                    Kernel.Vector512 => SumPixels512(source, weights, target),
                    Kernel.Vector256 when Avx2.IsSupported => SumPixels256(source, weights, target),
                    _ => 0,
                };
                for (int x = done; x < width; x++)
                {
                    var taps = weights.Weights.AsSpan(x * weights.Taps, weights.Count[x]);
                    var from = source[(3 * weights.First[x])..];
                    if (kernel == Kernel.Scalar) SumPixels(from, taps, target.Slice(3 * x, 3));
                    else SumPixels128(from, taps, target.Slice(3 * x, 3));
                }
            }
        });
        return result;
    }

    internal static RgbImage ResizeDown(RgbImage image, int height, Kernel kernel)
    {
        var weights = new TriangleKernel(image.Height, height);
        var result = new RgbImage(image.Width, height);
        int rowBytes = 3 * image.Width;
        RowBlocks.Run(height, image.Width, (start, end) =>
        {
            for (int y = start; y < end; y++)
            {
                var taps = weights.Weights.AsSpan(y * weights.Taps, weights.Count[y]);
                var from = image.Pixels.AsSpan(weights.First[y] * rowBytes, taps.Length * rowBytes);
                var target = result.Pixels.AsSpan(y * rowBytes, rowBytes);
                int done = kernel == Kernel.Scalar ? 0 : SumRowsVector(from, taps, target);
                SumRows(from, taps, target, done);
            }
        });
        return result;
    }

    /// <summary>One output pixel from a run of input pixels.</summary>
    private static void SumPixels(ReadOnlySpan<byte> from, ReadOnlySpan<int> taps, Span<byte> pixel)
    {
        int r = Half, g = Half, b = Half;
        for (int t = 0; t < taps.Length; t++)
        {
            r += from[3 * t] * taps[t];
            g += from[3 * t + 1] * taps[t];
            b += from[3 * t + 2] * taps[t];
        }
        (pixel[0], pixel[1], pixel[2]) = (ToByte(r), ToByte(g), ToByte(b));
    }

    /// <summary>As <see cref="SumPixels"/>: lanes 0 to 2 hold red, green, blue, lane 3 the next pixel's red, unused.</summary>
    private static void SumPixels128(ReadOnlySpan<byte> from, ReadOnlySpan<int> taps, Span<byte> pixel)
    {
        // Reading four bytes per pixel would exceed the buffer at the last pixel of the image.
        int safe = Math.Min(taps.Length, (from.Length - 4) / 3 + 1);
        if (safe < taps.Length)
        {
            SumPixels(from, taps, pixel);
            return;
        }
        ref byte source = ref MemoryMarshal.GetReference(from);
        // Two sums, so that one multiplication need not wait for the last one's addition.
        Vector128<int> even = Vector128.Create(Half), odd = Vector128<int>.Zero;
        int t = 0;
        for (; t + 1 < taps.Length; t += 2)
        {
            even += Pixel(ref source, t) * Vector128.Create(taps[t]);
            odd += Pixel(ref source, t + 1) * Vector128.Create(taps[t + 1]);
        }
        if (t < taps.Length)
            even += Pixel(ref source, t) * Vector128.Create(taps[t]);
        even += odd;
        (pixel[0], pixel[1], pixel[2]) = (ToByte(even[0]), ToByte(even[1]), ToByte(even[2]));
    }

    /// <summary>One output row, four input pixels at a time; every fourth lane is unused. Returns the number of pixels computed: the
    /// last ones are left, because sixteen bytes are read for four pixels.</summary>
    private static int SumPixels512(ReadOnlySpan<byte> source, TriangleKernel weights, Span<byte> row)
    {
        int x = 0;
        ref byte first = ref MemoryMarshal.GetReference(source);
        for (; x < row.Length / 3; x++)
        {
            int start = 3 * weights.First[x], taps = weights.Count[x];
            if (start + 3 * taps + 13 > source.Length) break;
            ref byte from = ref Unsafe.Add(ref first, start);
            ref int weight = ref weights.Weights[x * weights.Taps];
            var sums = Vector512<int>.Zero;
            // Weights beyond the last tap are 0.
            for (int t = 0; t < taps; t += 4)
                sums += FourPixels(ref from, t) * EachFourTimes(Vector128.LoadUnsafe(ref weight, (nuint)t));
            var half = sums.GetLower() + sums.GetUpper();
            var sum = ToBytes(half.GetLower() + half.GetUpper() + Vector128.Create(Half));
            (row[3 * x], row[3 * x + 1], row[3 * x + 2]) = ((byte)sum[0], (byte)sum[1], (byte)sum[2]);
        }
        return x;
    }

    /// <summary>As <see cref="SumPixels512"/>, in two halves of two input pixels.</summary>
    private static int SumPixels256(ReadOnlySpan<byte> source, TriangleKernel weights, Span<byte> row)
    {
        int x = 0;
        ref byte first = ref MemoryMarshal.GetReference(source);
        for (; x < row.Length / 3; x++)
        {
            int start = 3 * weights.First[x], taps = weights.Count[x];
            if (start + 3 * taps + 13 > source.Length) break;
            ref byte from = ref Unsafe.Add(ref first, start);
            ref int weight = ref weights.Weights[x * weights.Taps];
            Vector256<int> a = default, b = default;
            // Weights beyond the last tap are 0.
            for (int t = 0; t < taps; t += 4)
            {
                var pixels = Vector128.LoadUnsafe(ref from, (nuint)(3 * t));
                var low = Vector128.Shuffle(pixels, Vector128.Create((byte)0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255));
                var high = Vector128.Shuffle(pixels, Vector128.Create((byte)6, 7, 8, 255, 9, 10, 11, 255, 0, 1, 2, 255, 3, 4, 5, 255));
                var four = Vector128.LoadUnsafe(ref weight, (nuint)t).ToVector256Unsafe();
                a += Avx2.ConvertToVector256Int32(low) * Avx2.PermuteVar8x32(four, Vector256.Create(0, 0, 0, 0, 1, 1, 1, 1));
                b += Avx2.ConvertToVector256Int32(high) * Avx2.PermuteVar8x32(four, Vector256.Create(2, 2, 2, 2, 3, 3, 3, 3));
            }
            a += b;
            var sum = ToBytes(a.GetLower() + a.GetUpper() + Vector128.Create(Half));
            (row[3 * x], row[3 * x + 1], row[3 * x + 2]) = ((byte)sum[0], (byte)sum[1], (byte)sum[2]);
        }
        return x;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> FourPixels(ref byte source, int index)
    {
        var bytes = Vector128.Shuffle(Vector128.LoadUnsafe(ref source, (nuint)(3 * index)),
            Vector128.Create((byte)0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255));
        return Vector512.WidenLower(Vector512.WidenLower(bytes.ToVector256Unsafe().ToVector512Unsafe())).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> EachFourTimes(Vector128<int> weights) => Vector512.Shuffle(
        weights.ToVector256Unsafe().ToVector512Unsafe(), Vector512.Create(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Pixel(ref byte source, int index)
    {
        uint bytes = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref source, 3 * index));
        return Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(bytes).AsByte())).AsInt32();
    }

    /// <summary>One output row from a block of input rows, from byte <paramref name="start"/> on.</summary>
    private static void SumRows(ReadOnlySpan<byte> from, ReadOnlySpan<int> taps, Span<byte> row, int start)
    {
        for (int i = start; i < row.Length; i++)
        {
            int sum = Half;
            for (int t = 0; t < taps.Length; t++)
                sum += from[t * row.Length + i] * taps[t];
            row[i] = ToByte(sum);
        }
    }

    /// <summary>As <see cref="SumRows"/>, 16 bytes at a time, widened to four vectors of 32-bit sums. Returns the number of bytes
    /// computed.</summary>
    private static int SumRowsVector(ReadOnlySpan<byte> from, ReadOnlySpan<int> taps, Span<byte> row)
    {
        int i = 0;
        for (; i <= row.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            Vector128<int> a = Vector128.Create(Half), b = a, c = a, d = a;
            for (int t = 0; t < taps.Length; t++)
            {
                var (low, high) = Vector128.Widen(Vector128.Create(from[(t * row.Length + i)..]));
                a += Vector128.WidenLower(low).AsInt32() * taps[t];
                b += Vector128.WidenUpper(low).AsInt32() * taps[t];
                c += Vector128.WidenLower(high).AsInt32() * taps[t];
                d += Vector128.WidenUpper(high).AsInt32() * taps[t];
            }
            Vector128.Narrow(Vector128.Narrow(ToBytes(a), ToBytes(b)), Vector128.Narrow(ToBytes(c), ToBytes(d))).CopyTo(row[i..]);
        }
        return i;
    }

    /// <summary>As <see cref="ToByte"/>. No sum is negative, because no weight is.</summary>
    private static Vector128<uint> ToBytes(Vector128<int> sums) =>
        Vector128.Min(sums >> TriangleKernel.FractionBits, Vector128.Create(255)).AsUInt32();

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> TriangleKernel.FractionBits, 0, 255);
}
