using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Features;

/// <summary>
/// Converts spans of float16 to float32 and back. .NET has no F16C intrinsics, so widening shifts the bits into position and
/// multiplies by 2^112, which corrects the exponent bias and makes subnormals come out right (exact: a power of two).
/// </summary>
public static class HalfConversion
{
    private const float TwoTo112 = 5.192296858534828e33f;

    /// <summary>False when a value is NaN or infinite.</summary>
    public static bool AllFinite(ReadOnlySpan<Half> values)
    {
        var bits = MemoryMarshal.Cast<Half, ushort>(values);
        var worst = Vector256<ushort>.Zero;
        int i = 0;
        // Without the sign, everything from 0x7C00 on is infinite or NaN.
        for (; i <= bits.Length - 16; i += 16)
            worst = Vector256.Max(worst, Vector256.LoadUnsafe(in bits[i]) & Vector256.Create((ushort)0x7FFF));
        if (Vector256.GreaterThanOrEqualAny(worst, Vector256.Create((ushort)0x7C00))) return false;
        for (; i < bits.Length; i++)
            if ((bits[i] & 0x7FFF) >= 0x7C00) return false;
        return true;
    }

    /// <summary>Widens finite halves; exact. (Infinity and NaN, which pyramids never hold, would come out as 65536 and up.)</summary>
    public static void Widen(ReadOnlySpan<Half> source, Span<float> destination)
    {
        if (destination.Length < source.Length) throw new ArgumentException("destination is too short", nameof(destination));
        var bits = MemoryMarshal.Cast<Half, short>(source);
        ref short from = ref MemoryMarshal.GetReference(bits);
        ref float to = ref MemoryMarshal.GetReference(destination);
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= bits.Length - 32; i += 32)
            {
                var (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref from, (nuint)i));
                Widen(low).StoreUnsafe(ref to, (nuint)i);
                Widen(high).StoreUnsafe(ref to, (nuint)i + 16);
            }
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            for (; i <= bits.Length - 16; i += 16)
            {
                var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(ref from, (nuint)i));
                Widen(low).StoreUnsafe(ref to, (nuint)i);
                Widen(high).StoreUnsafe(ref to, (nuint)i + 8);
            }
        }
        for (; i < bits.Length; i++) destination[i] = (float)source[i];
    }

    // A half sign-extended to 32 bits and shifted by 13 has its sign, exponent and mantissa where a float has them, but for
    // three copies of the sign, which the mask removes; the multiplication then keeps the sign.
    private const int HalfBits = unchecked((int)0x8FFFE000);

    /// <summary>Sixteen halves, sign-extended, to float32.</summary>
    public static Vector512<float> Widen(Vector512<int> half) =>
        ((half << 13) & Vector512.Create(HalfBits)).AsSingle() * Vector512.Create(TwoTo112);

    /// <summary>Eight halves, sign-extended, to float32.</summary>
    public static Vector256<float> Widen(Vector256<int> half) =>
        ((half << 13) & Vector256.Create(HalfBits)).AsSingle() * Vector256.Create(TwoTo112);

    /// <summary>Rounds to the nearest half, ties to even. False when a value is NaN or would become infinite.</summary>
    public static bool TryNarrow(ReadOnlySpan<float> source, Span<Half> destination)
    {
        if (destination.Length < source.Length) throw new ArgumentException("destination is too short", nameof(destination));
        for (int i = 0; i < source.Length; i++)
        {
            Half h = (Half)source[i];
            if (!Half.IsFinite(h)) return false;
            destination[i] = h;
        }
        return true;
    }
}
