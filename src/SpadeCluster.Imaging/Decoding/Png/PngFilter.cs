using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Imaging;

/// <summary>The row filters of PNG (specification, clause 9): each byte is stored as its difference to a prediction.</summary>
internal static class PngFilter
{
    public const byte None = 0, Sub = 1, Up = 2, Average = 3, Paeth = 4;

    /// <summary>Restores <paramref name="row"/> in place.</summary>
    /// <param name="above">The restored row above, zeros for the first.</param>
    /// <param name="step">Bytes from a byte to the one it continues in the pixel to its left.</param>
    public static void Restore(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        above = above[..row.Length];
        switch (filter)
        {
            case None:
                break;
            case Sub:
                for (int i = step; i < row.Length; i++)
                    row[i] += row[i - step];
                break;
            case Up:
                RestoreUp(row, above);
                break;
            case Average:
                for (int i = 0; i < Math.Min(step, row.Length); i++)
                    row[i] += (byte)(above[i] >> 1);
                for (int i = step; i < row.Length; i++)
                    row[i] += (byte)((row[i - step] + above[i]) >> 1);
                break;
            case Paeth:
                int done = step is 3 or 4 ? RestorePaethVector(row, above, step) : 0;
                RestorePaeth(row, above, step, done);
                break;
            default:
                throw Undecodable.Because($"the PNG file is damaged: a row has the unknown filter {filter}");
        }
    }

    private static void RestoreUp(Span<byte> row, ReadOnlySpan<byte> above)
    {
        int i = 0;
        for (; i <= row.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
            (Vector128.Create<byte>(row[i..]) + Vector128.Create(above[i..])).CopyTo(row[i..]);
        for (; i < row.Length; i++)
            row[i] += above[i];
    }

    /// <summary>The reference, from byte <paramref name="start"/> on.</summary>
    internal static void RestorePaeth(Span<byte> row, ReadOnlySpan<byte> above, int step, int start)
    {
        int i = start;
        for (; i < Math.Min(step, row.Length); i++)
            row[i] += above[i];
        for (; i < row.Length; i++)
            row[i] += Predict(row[i - step], above[i], above[i - step]);
    }

    /// <summary>As <see cref="RestorePaeth"/> for 8-bit RGB and RGBA, which most files are: the 16-bit lanes 0 to 2 or 3 hold
    /// one pixel's channels. A pixel needs the one before it, so there is nothing to gain from wider vectors. Returns how many
    /// bytes are done.</summary>
    internal static int RestorePaethVector(Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        ref byte r = ref MemoryMarshal.GetReference(row);
        ref byte a = ref MemoryMarshal.GetReference(above);
        Vector128<short> left = default, corner = default;
        int i = 0;
        for (; i <= row.Length - 4; i += step) // four bytes are read even where a pixel has three
        {
            Vector128<short> up = Widen(ref Unsafe.Add(ref a, i));
            Vector128<short> toLeft = Vector128.Abs(up - corner), toUp = Vector128.Abs(left - corner);
            Vector128<short> toCorner = Vector128.Abs(left + up - corner - corner);
            Vector128<short> upOrCorner = Vector128.ConditionalSelect(Vector128.LessThanOrEqual(toUp, toCorner), up, corner);
            Vector128<short> predicted = Vector128.ConditionalSelect(Vector128.LessThanOrEqual(toLeft, Vector128.Min(toUp, toCorner)), left, upOrCorner);
            left = (Widen(ref Unsafe.Add(ref r, i)) + predicted) & Vector128.Create((short)0xFF);
            corner = up;
            uint pixel = Vector128.Narrow(left.AsUInt16(), left.AsUInt16()).AsUInt32().ToScalar();
            if (step == 4)
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref r, i), pixel);
            }
            else
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref r, i), (ushort)pixel);
                Unsafe.Add(ref r, i + 2) = (byte)(pixel >> 16);
            }
        }
        return i;
    }

    private static Vector128<short> Widen(ref byte pixel) =>
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref pixel)).AsByte()).AsInt16();

    /// <summary>Paeth's predictor: of left, above and above-left the one nearest to left + above - corner.</summary>
    internal static byte Predict(int left, int above, int corner)
    {
        int dl = Math.Abs(above - corner), da = Math.Abs(left - corner), dc = Math.Abs(left + above - 2 * corner);
        return (byte)(dl <= da && dl <= dc ? left : da <= dc ? above : corner);
    }
}
