using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Evaluation;

/// <summary>Dot products of rows whose length is a multiple of 16.</summary>
internal static class DotProducts
{
    /// <summary>Rows of each side that are multiplied at a time: 16 sums and 8 rows fill the registers.</summary>
    public const int Tile = 4;

    public static float Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var x = MemoryMarshal.Cast<float, Vector512<float>>(a);
        var y = MemoryMarshal.Cast<float, Vector512<float>>(b);
        var sum = Vector512<float>.Zero;
        for (int i = 0; i < x.Length; i++) sum = Vector512.FusedMultiplyAdd(x[i], y[i], sum);
        return Vector512.Sum(sum);
    }

    /// <summary>Four rows against four others.</summary>
    /// <param name="a">[4][length].</param>
    /// <param name="b">[4][length].</param>
    /// <param name="products">[row of a][row of b].</param>
    public static unsafe void OfTile(float* a, float* b, int length, Span<float> products)
    {
        Vector512<float> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default,
            s13 = default,
            s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        for (nint i = 0; i < length; i += Vector512<float>.Count)
        {
            var (b0, b1, b2, b3) = (Vector512.Load(b + i), Vector512.Load(b + length + i), Vector512.Load(b + 2 * length + i),
                Vector512.Load(b + 3 * length + i));
            var row = Vector512.Load(a + i);
            s00 = Vector512.FusedMultiplyAdd(row, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(row, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(row, b2, s02);
            s03 = Vector512.FusedMultiplyAdd(row, b3, s03);
            row = Vector512.Load(a + length + i);
            s10 = Vector512.FusedMultiplyAdd(row, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(row, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(row, b2, s12);
            s13 = Vector512.FusedMultiplyAdd(row, b3, s13);
            row = Vector512.Load(a + 2 * length + i);
            s20 = Vector512.FusedMultiplyAdd(row, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(row, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(row, b2, s22);
            s23 = Vector512.FusedMultiplyAdd(row, b3, s23);
            row = Vector512.Load(a + 3 * length + i);
            s30 = Vector512.FusedMultiplyAdd(row, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(row, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(row, b2, s32);
            s33 = Vector512.FusedMultiplyAdd(row, b3, s33);
        }
        (products[0], products[1], products[2], products[3]) =
            (Vector512.Sum(s00), Vector512.Sum(s01), Vector512.Sum(s02), Vector512.Sum(s03));
        (products[4], products[5], products[6], products[7]) =
            (Vector512.Sum(s10), Vector512.Sum(s11), Vector512.Sum(s12), Vector512.Sum(s13));
        (products[8], products[9], products[10], products[11]) = (Vector512.Sum(s20), Vector512.Sum(s21), Vector512.Sum(s22),
            Vector512.Sum(s23));
        (products[12], products[13], products[14], products[15]) = (Vector512.Sum(s30), Vector512.Sum(s31), Vector512.Sum(s32),
            Vector512.Sum(s33));
    }
}
