using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging;

/// <summary>The two passes of the triangle filter. All kernels compute the same integers: no choice changes a bit.</summary>
public static partial class Resampler
{
    private const int Half = 1 << (TriangleKernel.FractionBits - 1);

    /// <summary>How wide the passes compute; tests run them all.</summary>
    internal enum Kernel
    {
        /// <summary>The reference.</summary>
        Scalar,
        /// <summary>Vectors as wide as the machine has them.</summary>
        Vector,
        /// <summary>What <see cref="Resize"/> uses.</summary>
        Best = Vector,
    }

    internal static RgbImage ResizeAcross(RgbImage image, int width, Kernel kernel)
    {
        var weights = new TriangleKernel(image.Width, width);
        var result = new RgbImage(width, image.Height);
        int rowBytes = 3 * image.Width;
        for (int y = 0; y < image.Height; y++)
        {
            var source = image.Pixels.AsSpan(y * rowBytes, rowBytes);
            var target = result.Pixels.AsSpan(3 * y * width, 3 * width);
            for (int x = 0; x < width; x++)
            {
                var taps = weights.Weights.AsSpan(x * weights.Taps, weights.Count[x]);
                var from = source[(3 * weights.First[x])..];
                if (kernel == Kernel.Scalar)
                    SumPixels(from, taps, target.Slice(3 * x, 3));
                else
                    SumPixelsVector(from, taps, target.Slice(3 * x, 3));
            }
        }
        return result;
    }

    internal static RgbImage ResizeDown(RgbImage image, int height, Kernel kernel)
    {
        var weights = new TriangleKernel(image.Height, height);
        var result = new RgbImage(image.Width, height);
        int rowBytes = 3 * image.Width;
        for (int y = 0; y < height; y++)
        {
            var taps = weights.Weights.AsSpan(y * weights.Taps, weights.Count[y]);
            var from = image.Pixels.AsSpan(weights.First[y] * rowBytes, taps.Length * rowBytes);
            var target = result.Pixels.AsSpan(y * rowBytes, rowBytes);
            int done = kernel == Kernel.Scalar ? 0 : SumRowsVector(from, taps, target);
            SumRows(from, taps, target, done);
        }
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
    private static void SumPixelsVector(ReadOnlySpan<byte> from, ReadOnlySpan<int> taps, Span<byte> pixel)
    {
        // Reading four bytes a pixel would pass the buffer's end at the image's very last pixel.
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

    /// <summary>As <see cref="SumRows"/>, a vector of bytes at a time, widened to four vectors of 32-bit sums. Returns how
    /// many bytes are done.</summary>
    private static int SumRowsVector(ReadOnlySpan<byte> from, ReadOnlySpan<int> taps, Span<byte> row)
    {
        int i = 0;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<int> a = new(Half), b = a, c = a, d = a;
            for (int t = 0; t < taps.Length; t++)
            {
                Vector.Widen(new Vector<byte>(from[(t * row.Length + i)..]), out Vector<ushort> low, out Vector<ushort> high);
                Vector.Widen(low, out Vector<uint> w0, out Vector<uint> w1);
                Vector.Widen(high, out Vector<uint> w2, out Vector<uint> w3);
                a += Vector.AsVectorInt32(w0) * taps[t];
                b += Vector.AsVectorInt32(w1) * taps[t];
                c += Vector.AsVectorInt32(w2) * taps[t];
                d += Vector.AsVectorInt32(w3) * taps[t];
            }
            // Weights are positive and sum to 1 within rounding: shifted sums lie in 0..255 or, by rounding, touch 256.
            var top = new Vector<int>(255);
            Vector<ushort> lower = Vector.Narrow(Vector.AsVectorUInt32(Vector.Min(a >> TriangleKernel.FractionBits, top)), Vector.AsVectorUInt32(Vector.Min(b >> TriangleKernel.FractionBits, top)));
            Vector<ushort> upper = Vector.Narrow(Vector.AsVectorUInt32(Vector.Min(c >> TriangleKernel.FractionBits, top)), Vector.AsVectorUInt32(Vector.Min(d >> TriangleKernel.FractionBits, top)));
            Vector.Narrow(lower, upper).CopyTo(row[i..]);
        }
        return i;
    }

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> TriangleKernel.FractionBits, 0, 255);
}
