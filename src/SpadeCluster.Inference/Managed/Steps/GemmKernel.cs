using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// The micro-kernel of matrix products: C[rows][pixels] += A[k][8 rows] * B[k][pixels]. A tile of C stays in registers
/// for the whole sum over k: with 16 lanes 8 rows x 3 vectors = 24 accumulators of the 32 registers, with fewer lanes 4 x 3 =
/// 12 of 16. Each step of k loads three vectors of B and multiplies them with single elements of A, so 24 multiply-adds
/// cost 11 loads and the multiply units, not the load ports, are the limit. Every element is summed in the order of k
/// whatever the tile, hence the same bits for every cut.
/// </summary>
internal static unsafe class GemmKernel<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Vectors of B that are packed together, at most.</summary>
    public const int MostVectors = 3;

    // A streams through once per panel, from memory or the outer caches, at a few bytes a cycle: too slowly for the hardware
    // to run far ahead of it. Asked for 8 KB early (a tile of 256 steps), it arrives in time.
    private const int Ahead = 2048;

    /// <param name="vectors">Width of the tile, 1 to <see cref="MostVectors"/>.</param>
    /// <param name="a">[Depth][8].</param>
    /// <param name="b">[Depth][vectors * Width].</param>
    /// <param name="c">First element of the tile in the output; all 8 rows must be writable.</param>
    /// <param name="row">The tile's first row, an index into the bias.</param>
    public static void Run(in GemmTile t, int vectors, float* a, float* b, float* c, int row)
    {
        if (vectors == 3) Run<GemmRow3<S, V>>(in t, a, b, c, row);
        else if (vectors == 2) Run<GemmRow2<S, V>>(in t, a, b, c, row);
        else Run<GemmRow1<S, V>>(in t, a, b, c, row);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run<R>(in GemmTile t, float* a, float* b, float* c, int row) where R : struct, IGemmRow<R, V>
    {
        if (S.Width == 16)
        {
            EightRows<R>(in t, a, b, c, row);
            return;
        }
        FourRows<R>(in t, a, b, c, row);
        FourRows<R>(in t, a + 4, b, c + (4 * t.Pitch), row + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EightRows<R>(in GemmTile t, float* a, float* b, float* c, int row) where R : struct, IGemmRow<R, V>
    {
        nint pitch = t.Pitch;
        float* half = c + (4 * pitch);
        PrefetchRows<R>(in t, c, 8);
        R r0 = Start<R>(in t, c, row), r1 = Start<R>(in t, c + pitch, row + 1), r2 = Start<R>(in t, c + (2 * pitch), row + 2), r3 = Start<R>(in t, c + (3 * pitch), row + 3);
        R r4 = Start<R>(in t, half, row + 4), r5 = Start<R>(in t, half + pitch, row + 5), r6 = Start<R>(in t, half + (2 * pitch), row + 6), r7 = Start<R>(in t, half + (3 * pitch), row + 7);
        for (int k = t.Depth; k > 0; k--)
        {
            if (Sse.IsSupported) Sse.Prefetch0(a + Ahead);
            R x = R.Load(b);
            r0 = R.MultiplyAdd(S.Create(a[0]), x, r0);
            r1 = R.MultiplyAdd(S.Create(a[1]), x, r1);
            r2 = R.MultiplyAdd(S.Create(a[2]), x, r2);
            r3 = R.MultiplyAdd(S.Create(a[3]), x, r3);
            r4 = R.MultiplyAdd(S.Create(a[4]), x, r4);
            r5 = R.MultiplyAdd(S.Create(a[5]), x, r5);
            r6 = R.MultiplyAdd(S.Create(a[6]), x, r6);
            r7 = R.MultiplyAdd(S.Create(a[7]), x, r7);
            a += PackedMatrix.TileRows;
            b += R.Count * S.Width;
        }
        Finish(in t, c, r0);
        Finish(in t, c + pitch, r1);
        Finish(in t, c + (2 * pitch), r2);
        Finish(in t, c + (3 * pitch), r3);
        Finish(in t, half, r4);
        Finish(in t, half + pitch, r5);
        Finish(in t, half + (2 * pitch), r6);
        Finish(in t, half + (3 * pitch), r7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows<R>(in GemmTile t, float* a, float* b, float* c, int row) where R : struct, IGemmRow<R, V>
    {
        nint pitch = t.Pitch;
        R r0 = Start<R>(in t, c, row), r1 = Start<R>(in t, c + pitch, row + 1), r2 = Start<R>(in t, c + (2 * pitch), row + 2), r3 = Start<R>(in t, c + (3 * pitch), row + 3);
        for (int k = t.Depth; k > 0; k--)
        {
            if (Sse.IsSupported) Sse.Prefetch0(a + Ahead);
            R x = R.Load(b);
            r0 = R.MultiplyAdd(S.Create(a[0]), x, r0);
            r1 = R.MultiplyAdd(S.Create(a[1]), x, r1);
            r2 = R.MultiplyAdd(S.Create(a[2]), x, r2);
            r3 = R.MultiplyAdd(S.Create(a[3]), x, r3);
            a += PackedMatrix.TileRows;
            b += R.Count * S.Width;
        }
        Finish(in t, c, r0);
        Finish(in t, c + pitch, r1);
        Finish(in t, c + (2 * pitch), r2);
        Finish(in t, c + (3 * pitch), r3);
    }

    /// <summary>Asks for what is read and written after the sum: the lines of the output and of the residual.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchRows<R>(in GemmTile t, float* c, int rows) where R : struct, IGemmRow<R, V>
    {
        if (!Sse.IsSupported) return;
        for (int r = 0; r < rows; r++, c += t.Pitch)
        {
            for (int i = 0; i < R.Count; i++)
            {
                if (t.First) Sse.Prefetch0(c + (i * S.Width));
                if (t.Last && t.HasResidual) Sse.Prefetch0(c + t.ResidualOffset + (i * S.Width));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static R Start<R>(in GemmTile t, float* c, int row) where R : struct, IGemmRow<R, V> => t.First ? R.Create(t.Bias[row]) : R.Load(c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<R>(in GemmTile t, float* c, R r) where R : struct, IGemmRow<R, V>
    {
        if (t.Last)
        {
            if (t.HasResidual) r = R.Add(r, R.Load(c + t.ResidualOffset));
            if (t.Clamp) r = R.Clamp(r, S.Create(t.Low), S.Create(t.High));
        }
        R.Store(c, r);
    }
}
