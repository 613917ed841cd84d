using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>What the micro-kernel needs besides its operands.</summary>
internal unsafe struct GemmTile
{
    /// <summary>Length of this part of the sum.</summary>
    public int Depth;

    /// <summary>Distance between rows of the output (and of the residual), in floats.</summary>
    public nint Pitch;

    /// <summary>Whether this part is the sum's first (start from the bias, else from what the output holds) and its last.</summary>
    public bool First, Last;
    public float* Bias;

    /// <summary>From an output element to the residual's element that is added at the end; null for none.</summary>
    public nint ResidualOffset;
    public bool HasResidual, Clamp;
    public float Low, High;
}

/// <summary>
/// The micro-kernel of matrix products: C[rows][pixels] += A[k][8 rows] * B[k][pixels]. A tile of C stays in registers
/// for the whole sum over k: with 16 lanes 8 rows x 3 vectors = 24 accumulators of the 32 registers, with 8 lanes 4 x 3 =
/// 12 of 16. Each step of k loads three vectors of B and multiplies them with single elements of A, so 24 multiply-adds
/// cost 11 loads and the multiply units, not the load ports, are the limit. Every element is summed in the order of k
/// whatever the tile, hence the same bits for every cut.
/// </summary>
internal static unsafe class GemmKernel<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Rows of A that are packed together.</summary>
    public const int RowsPacked = 8;

    /// <param name="a">[Depth][8].</param>
    /// <param name="b">[Depth][vectors * Width].</param>
    /// <param name="c">First element of the tile in the output; all 8 rows must be writable.</param>
    /// <param name="row">The tile's first row, an index into the bias.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in GemmTile t, int vectors, float* a, float* b, float* c, int row)
    {
        if (S.Width == 16)
        {
            if (vectors == 3) Rows8Vectors3(in t, a, b, c, row);
            else if (vectors == 2) Rows8Vectors2(in t, a, b, c, row);
            else Rows8Vectors1(in t, a, b, c, row);
            return;
        }
        for (int half = 0; half < RowsPacked; half += 4)
        {
            float* part = c + (half * t.Pitch);
            if (vectors == 3) Rows4Vectors3(in t, a + half, b, part, row + half);
            else if (vectors == 2) Rows4Vectors2(in t, a + half, b, part, row + half);
            else Rows4Vectors1(in t, a + half, b, part, row + half);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8Vectors3(in GemmTile t, float* a, float* b, float* c, int row)
    {
        nint pitch = t.Pitch;
        int w = S.Width;
        V c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32, c40, c41, c42, c50, c51, c52, c60, c61, c62, c70, c71, c72;
        if (t.First)
        {
            c00 = c01 = c02 = S.Create(t.Bias[row + 0]);
            c10 = c11 = c12 = S.Create(t.Bias[row + 1]);
            c20 = c21 = c22 = S.Create(t.Bias[row + 2]);
            c30 = c31 = c32 = S.Create(t.Bias[row + 3]);
            c40 = c41 = c42 = S.Create(t.Bias[row + 4]);
            c50 = c51 = c52 = S.Create(t.Bias[row + 5]);
            c60 = c61 = c62 = S.Create(t.Bias[row + 6]);
            c70 = c71 = c72 = S.Create(t.Bias[row + 7]);
        }
        else
        {
            float* p = c;
            c00 = S.Load(p); c01 = S.Load(p + w); c02 = S.Load(p + (2 * w)); p += pitch;
            c10 = S.Load(p); c11 = S.Load(p + w); c12 = S.Load(p + (2 * w)); p += pitch;
            c20 = S.Load(p); c21 = S.Load(p + w); c22 = S.Load(p + (2 * w)); p += pitch;
            c30 = S.Load(p); c31 = S.Load(p + w); c32 = S.Load(p + (2 * w)); p += pitch;
            c40 = S.Load(p); c41 = S.Load(p + w); c42 = S.Load(p + (2 * w)); p += pitch;
            c50 = S.Load(p); c51 = S.Load(p + w); c52 = S.Load(p + (2 * w)); p += pitch;
            c60 = S.Load(p); c61 = S.Load(p + w); c62 = S.Load(p + (2 * w)); p += pitch;
            c70 = S.Load(p); c71 = S.Load(p + w); c72 = S.Load(p + (2 * w));
        }
        for (int k = t.Depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + w), b2 = S.Load(b + (2 * w)), x;
            x = S.Create(a[0]); c00 = S.MultiplyAdd(x, b0, c00); c01 = S.MultiplyAdd(x, b1, c01); c02 = S.MultiplyAdd(x, b2, c02);
            x = S.Create(a[1]); c10 = S.MultiplyAdd(x, b0, c10); c11 = S.MultiplyAdd(x, b1, c11); c12 = S.MultiplyAdd(x, b2, c12);
            x = S.Create(a[2]); c20 = S.MultiplyAdd(x, b0, c20); c21 = S.MultiplyAdd(x, b1, c21); c22 = S.MultiplyAdd(x, b2, c22);
            x = S.Create(a[3]); c30 = S.MultiplyAdd(x, b0, c30); c31 = S.MultiplyAdd(x, b1, c31); c32 = S.MultiplyAdd(x, b2, c32);
            x = S.Create(a[4]); c40 = S.MultiplyAdd(x, b0, c40); c41 = S.MultiplyAdd(x, b1, c41); c42 = S.MultiplyAdd(x, b2, c42);
            x = S.Create(a[5]); c50 = S.MultiplyAdd(x, b0, c50); c51 = S.MultiplyAdd(x, b1, c51); c52 = S.MultiplyAdd(x, b2, c52);
            x = S.Create(a[6]); c60 = S.MultiplyAdd(x, b0, c60); c61 = S.MultiplyAdd(x, b1, c61); c62 = S.MultiplyAdd(x, b2, c62);
            x = S.Create(a[7]); c70 = S.MultiplyAdd(x, b0, c70); c71 = S.MultiplyAdd(x, b1, c71); c72 = S.MultiplyAdd(x, b2, c72);
            a += RowsPacked;
            b += 3 * w;
        }
        float* q = c;
        Finish(in t, q, 0, c00); Finish(in t, q, w, c01); Finish(in t, q, 2 * w, c02); q += pitch;
        Finish(in t, q, 0, c10); Finish(in t, q, w, c11); Finish(in t, q, 2 * w, c12); q += pitch;
        Finish(in t, q, 0, c20); Finish(in t, q, w, c21); Finish(in t, q, 2 * w, c22); q += pitch;
        Finish(in t, q, 0, c30); Finish(in t, q, w, c31); Finish(in t, q, 2 * w, c32); q += pitch;
        Finish(in t, q, 0, c40); Finish(in t, q, w, c41); Finish(in t, q, 2 * w, c42); q += pitch;
        Finish(in t, q, 0, c50); Finish(in t, q, w, c51); Finish(in t, q, 2 * w, c52); q += pitch;
        Finish(in t, q, 0, c60); Finish(in t, q, w, c61); Finish(in t, q, 2 * w, c62); q += pitch;
        Finish(in t, q, 0, c70); Finish(in t, q, w, c71); Finish(in t, q, 2 * w, c72);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8Vectors2(in GemmTile t, float* a, float* b, float* c, int row)
    {
        nint pitch = t.Pitch;
        int w = S.Width;
        V c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51, c60, c61, c70, c71;
        if (t.First)
        {
            c00 = c01 = S.Create(t.Bias[row + 0]);
            c10 = c11 = S.Create(t.Bias[row + 1]);
            c20 = c21 = S.Create(t.Bias[row + 2]);
            c30 = c31 = S.Create(t.Bias[row + 3]);
            c40 = c41 = S.Create(t.Bias[row + 4]);
            c50 = c51 = S.Create(t.Bias[row + 5]);
            c60 = c61 = S.Create(t.Bias[row + 6]);
            c70 = c71 = S.Create(t.Bias[row + 7]);
        }
        else
        {
            float* p = c;
            c00 = S.Load(p); c01 = S.Load(p + w); p += pitch;
            c10 = S.Load(p); c11 = S.Load(p + w); p += pitch;
            c20 = S.Load(p); c21 = S.Load(p + w); p += pitch;
            c30 = S.Load(p); c31 = S.Load(p + w); p += pitch;
            c40 = S.Load(p); c41 = S.Load(p + w); p += pitch;
            c50 = S.Load(p); c51 = S.Load(p + w); p += pitch;
            c60 = S.Load(p); c61 = S.Load(p + w); p += pitch;
            c70 = S.Load(p); c71 = S.Load(p + w);
        }
        for (int k = t.Depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + w), x;
            x = S.Create(a[0]); c00 = S.MultiplyAdd(x, b0, c00); c01 = S.MultiplyAdd(x, b1, c01);
            x = S.Create(a[1]); c10 = S.MultiplyAdd(x, b0, c10); c11 = S.MultiplyAdd(x, b1, c11);
            x = S.Create(a[2]); c20 = S.MultiplyAdd(x, b0, c20); c21 = S.MultiplyAdd(x, b1, c21);
            x = S.Create(a[3]); c30 = S.MultiplyAdd(x, b0, c30); c31 = S.MultiplyAdd(x, b1, c31);
            x = S.Create(a[4]); c40 = S.MultiplyAdd(x, b0, c40); c41 = S.MultiplyAdd(x, b1, c41);
            x = S.Create(a[5]); c50 = S.MultiplyAdd(x, b0, c50); c51 = S.MultiplyAdd(x, b1, c51);
            x = S.Create(a[6]); c60 = S.MultiplyAdd(x, b0, c60); c61 = S.MultiplyAdd(x, b1, c61);
            x = S.Create(a[7]); c70 = S.MultiplyAdd(x, b0, c70); c71 = S.MultiplyAdd(x, b1, c71);
            a += RowsPacked;
            b += 2 * w;
        }
        float* q = c;
        Finish(in t, q, 0, c00); Finish(in t, q, w, c01); q += pitch;
        Finish(in t, q, 0, c10); Finish(in t, q, w, c11); q += pitch;
        Finish(in t, q, 0, c20); Finish(in t, q, w, c21); q += pitch;
        Finish(in t, q, 0, c30); Finish(in t, q, w, c31); q += pitch;
        Finish(in t, q, 0, c40); Finish(in t, q, w, c41); q += pitch;
        Finish(in t, q, 0, c50); Finish(in t, q, w, c51); q += pitch;
        Finish(in t, q, 0, c60); Finish(in t, q, w, c61); q += pitch;
        Finish(in t, q, 0, c70); Finish(in t, q, w, c71);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8Vectors1(in GemmTile t, float* a, float* b, float* c, int row)
    {
        nint pitch = t.Pitch;
        int w = S.Width;
        V c00, c10, c20, c30, c40, c50, c60, c70;
        if (t.First)
        {
            c00 = S.Create(t.Bias[row + 0]);
            c10 = S.Create(t.Bias[row + 1]);
            c20 = S.Create(t.Bias[row + 2]);
            c30 = S.Create(t.Bias[row + 3]);
            c40 = S.Create(t.Bias[row + 4]);
            c50 = S.Create(t.Bias[row + 5]);
            c60 = S.Create(t.Bias[row + 6]);
            c70 = S.Create(t.Bias[row + 7]);
        }
        else
        {
            float* p = c;
            c00 = S.Load(p); p += pitch;
            c10 = S.Load(p); p += pitch;
            c20 = S.Load(p); p += pitch;
            c30 = S.Load(p); p += pitch;
            c40 = S.Load(p); p += pitch;
            c50 = S.Load(p); p += pitch;
            c60 = S.Load(p); p += pitch;
            c70 = S.Load(p);
        }
        for (int k = t.Depth; k > 0; k--)
        {
            V b0 = S.Load(b), x;
            x = S.Create(a[0]); c00 = S.MultiplyAdd(x, b0, c00);
            x = S.Create(a[1]); c10 = S.MultiplyAdd(x, b0, c10);
            x = S.Create(a[2]); c20 = S.MultiplyAdd(x, b0, c20);
            x = S.Create(a[3]); c30 = S.MultiplyAdd(x, b0, c30);
            x = S.Create(a[4]); c40 = S.MultiplyAdd(x, b0, c40);
            x = S.Create(a[5]); c50 = S.MultiplyAdd(x, b0, c50);
            x = S.Create(a[6]); c60 = S.MultiplyAdd(x, b0, c60);
            x = S.Create(a[7]); c70 = S.MultiplyAdd(x, b0, c70);
            a += RowsPacked;
            b += w;
        }
        float* q = c;
        Finish(in t, q, 0, c00); q += pitch;
        Finish(in t, q, 0, c10); q += pitch;
        Finish(in t, q, 0, c20); q += pitch;
        Finish(in t, q, 0, c30); q += pitch;
        Finish(in t, q, 0, c40); q += pitch;
        Finish(in t, q, 0, c50); q += pitch;
        Finish(in t, q, 0, c60); q += pitch;
        Finish(in t, q, 0, c70);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4Vectors3(in GemmTile t, float* a, float* b, float* c, int row)
    {
        nint pitch = t.Pitch;
        int w = S.Width;
        V c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32;
        if (t.First)
        {
            c00 = c01 = c02 = S.Create(t.Bias[row + 0]);
            c10 = c11 = c12 = S.Create(t.Bias[row + 1]);
            c20 = c21 = c22 = S.Create(t.Bias[row + 2]);
            c30 = c31 = c32 = S.Create(t.Bias[row + 3]);
        }
        else
        {
            float* p = c;
            c00 = S.Load(p); c01 = S.Load(p + w); c02 = S.Load(p + (2 * w)); p += pitch;
            c10 = S.Load(p); c11 = S.Load(p + w); c12 = S.Load(p + (2 * w)); p += pitch;
            c20 = S.Load(p); c21 = S.Load(p + w); c22 = S.Load(p + (2 * w)); p += pitch;
            c30 = S.Load(p); c31 = S.Load(p + w); c32 = S.Load(p + (2 * w));
        }
        for (int k = t.Depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + w), b2 = S.Load(b + (2 * w)), x;
            x = S.Create(a[0]); c00 = S.MultiplyAdd(x, b0, c00); c01 = S.MultiplyAdd(x, b1, c01); c02 = S.MultiplyAdd(x, b2, c02);
            x = S.Create(a[1]); c10 = S.MultiplyAdd(x, b0, c10); c11 = S.MultiplyAdd(x, b1, c11); c12 = S.MultiplyAdd(x, b2, c12);
            x = S.Create(a[2]); c20 = S.MultiplyAdd(x, b0, c20); c21 = S.MultiplyAdd(x, b1, c21); c22 = S.MultiplyAdd(x, b2, c22);
            x = S.Create(a[3]); c30 = S.MultiplyAdd(x, b0, c30); c31 = S.MultiplyAdd(x, b1, c31); c32 = S.MultiplyAdd(x, b2, c32);
            a += RowsPacked;
            b += 3 * w;
        }
        float* q = c;
        Finish(in t, q, 0, c00); Finish(in t, q, w, c01); Finish(in t, q, 2 * w, c02); q += pitch;
        Finish(in t, q, 0, c10); Finish(in t, q, w, c11); Finish(in t, q, 2 * w, c12); q += pitch;
        Finish(in t, q, 0, c20); Finish(in t, q, w, c21); Finish(in t, q, 2 * w, c22); q += pitch;
        Finish(in t, q, 0, c30); Finish(in t, q, w, c31); Finish(in t, q, 2 * w, c32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4Vectors2(in GemmTile t, float* a, float* b, float* c, int row)
    {
        nint pitch = t.Pitch;
        int w = S.Width;
        V c00, c01, c10, c11, c20, c21, c30, c31;
        if (t.First)
        {
            c00 = c01 = S.Create(t.Bias[row + 0]);
            c10 = c11 = S.Create(t.Bias[row + 1]);
            c20 = c21 = S.Create(t.Bias[row + 2]);
            c30 = c31 = S.Create(t.Bias[row + 3]);
        }
        else
        {
            float* p = c;
            c00 = S.Load(p); c01 = S.Load(p + w); p += pitch;
            c10 = S.Load(p); c11 = S.Load(p + w); p += pitch;
            c20 = S.Load(p); c21 = S.Load(p + w); p += pitch;
            c30 = S.Load(p); c31 = S.Load(p + w);
        }
        for (int k = t.Depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + w), x;
            x = S.Create(a[0]); c00 = S.MultiplyAdd(x, b0, c00); c01 = S.MultiplyAdd(x, b1, c01);
            x = S.Create(a[1]); c10 = S.MultiplyAdd(x, b0, c10); c11 = S.MultiplyAdd(x, b1, c11);
            x = S.Create(a[2]); c20 = S.MultiplyAdd(x, b0, c20); c21 = S.MultiplyAdd(x, b1, c21);
            x = S.Create(a[3]); c30 = S.MultiplyAdd(x, b0, c30); c31 = S.MultiplyAdd(x, b1, c31);
            a += RowsPacked;
            b += 2 * w;
        }
        float* q = c;
        Finish(in t, q, 0, c00); Finish(in t, q, w, c01); q += pitch;
        Finish(in t, q, 0, c10); Finish(in t, q, w, c11); q += pitch;
        Finish(in t, q, 0, c20); Finish(in t, q, w, c21); q += pitch;
        Finish(in t, q, 0, c30); Finish(in t, q, w, c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4Vectors1(in GemmTile t, float* a, float* b, float* c, int row)
    {
        nint pitch = t.Pitch;
        int w = S.Width;
        V c00, c10, c20, c30;
        if (t.First)
        {
            c00 = S.Create(t.Bias[row + 0]);
            c10 = S.Create(t.Bias[row + 1]);
            c20 = S.Create(t.Bias[row + 2]);
            c30 = S.Create(t.Bias[row + 3]);
        }
        else
        {
            float* p = c;
            c00 = S.Load(p); p += pitch;
            c10 = S.Load(p); p += pitch;
            c20 = S.Load(p); p += pitch;
            c30 = S.Load(p);
        }
        for (int k = t.Depth; k > 0; k--)
        {
            V b0 = S.Load(b), x;
            x = S.Create(a[0]); c00 = S.MultiplyAdd(x, b0, c00);
            x = S.Create(a[1]); c10 = S.MultiplyAdd(x, b0, c10);
            x = S.Create(a[2]); c20 = S.MultiplyAdd(x, b0, c20);
            x = S.Create(a[3]); c30 = S.MultiplyAdd(x, b0, c30);
            a += RowsPacked;
            b += w;
        }
        float* q = c;
        Finish(in t, q, 0, c00); q += pitch;
        Finish(in t, q, 0, c10); q += pitch;
        Finish(in t, q, 0, c20); q += pitch;
        Finish(in t, q, 0, c30);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(in GemmTile t, float* row, int column, V v)
    {
        float* c = row + column;
        if (t.Last)
        {
            if (t.HasResidual) v = S.Add(v, S.Load(c + t.ResidualOffset));
            if (t.Clamp) v = S.Min(S.Max(v, S.Create(t.Low)), S.Create(t.High));
        }
        S.Store(c, v);
    }
}
