using System.Runtime.CompilerServices;
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
    // A process that has just started widens millions of values before the runtime would optimise this.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref float from = ref MemoryMarshal.GetReference(source);
            ref ushort to = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<Half, ushort>(destination));
            var largest = Vector256<uint>.Zero; // without signs
            for (; i <= source.Length - 16; i += 16)
            {
                var low = Narrow(Vector256.LoadUnsafe(ref from, (nuint)i).AsUInt32(), ref largest);
                var high = Narrow(Vector256.LoadUnsafe(ref from, (nuint)i + 8).AsUInt32(), ref largest);
                Vector256.Narrow(low, high).StoreUnsafe(ref to, (nuint)i);
            }
            if (Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(0x7C00u))) return false;
        }
        for (; i < source.Length; i++)
        {
            Half h = (Half)source[i];
            if (!Half.IsFinite(h)) return false;
            destination[i] = h;
        }
        return true;
    }

    /// <summary>Eight floats' bits to halves' bits, one in each 32-bit lane. Infinity, NaN and what rounds to infinity give 0x7C00
    /// or more without the sign, which <paramref name="largest"/> remembers.</summary>
    private static Vector256<uint> Narrow(Vector256<uint> bits, ref Vector256<uint> largest)
    {
        var sign = bits & Vector256.Create(0x80000000u);
        var value = bits ^ sign;
        // A normal half: the exponent's bias goes from 127 to 15; half a unit is added, less one bit where the last kept bit is even.
        var odd = (value >>> 13) & Vector256<uint>.One;
        var normal = (value + Vector256.Create(unchecked((uint)(15 - 127) << 23) + 0xFFFu) + odd) >>> 13;
        // A subnormal half: adding 0.5 shifts its bits to the end of the float's mantissa, and the processor rounds them.
        var half = Vector256.Create(0.5f);
        var subnormal = (value.AsSingle() + half).AsUInt32() - half.AsUInt32();
        var magnitude = Vector256.ConditionalSelect(Vector256.LessThan(value, Vector256.Create(113u << 23)), subnormal, normal);
        largest = Vector256.Max(largest, magnitude);
        return magnitude | (sign >>> 16);
    }
}
