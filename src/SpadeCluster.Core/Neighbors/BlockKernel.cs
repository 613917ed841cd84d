using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Neighbors;

/// <summary>The query's side of the block kernel: per quad [pair of channels][slot i][2] int16, and per slot a term and a factor.</summary>
internal unsafe readonly struct QuadRows(short* codes, float* terms, float* factors, int pairs)
{
    public readonly short* Codes = codes;
    public readonly float* Terms = terms, Factors = factors;
    public readonly int Pairs = pairs;
}

/// <summary>
/// Bounds of 4 x 4 blocks: a quad of gallery rows against many quads of query rows. Lane 4 j + i holds gallery row j
/// against query row i. The gallery side comes expanded (each channel pair of row j repeated for every i), so a block
/// costs, per channel pair, one 128-bit broadcast of the query and one multiply-add of int16 pairs into int32.
/// bound = max(0, term_i + term_j - factor_i factor_j dot), below the true distance or equal.
/// </summary>
internal static unsafe class BlockKernel
{
    /// <summary>The gallery side of one quad, in L1: <see cref="Codes"/> [pair][lane] as int16 pairs, terms and factors by lane.</summary>
    public sealed class Gallery(int maximumPairs)
    {
        private readonly AlignedBuffer<int> _codes = new(16L * maximumPairs);
        private readonly AlignedBuffer<float> _terms = new(32);

        public int* Codes => _codes.Pointer;
        public float* Terms => _terms.Pointer;
        public float* Factors => _terms.Pointer + 16;

        public void SetTerm(int j, float term, float factor)
        {
            for (int i = 0; i < 4; i++) (Terms[4 * j + i], Factors[4 * j + i]) = (term, factor);
        }

        /// <summary>Expands int8 codes [pair][row j][2].</summary>
        public void Expand(sbyte* codes, int pairs, SimdPath path)
        {
            int* to = Codes;
            if (path == SimdPath.Vector512)
            {
                var repeat = Vector512.Create(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
                for (int k = 0; k < pairs; k++, codes += 8, to += 16)
                    Avx512F.PermuteVar16x32(Sse41.ConvertToVector128Int16(codes).AsInt32().ToVector256Unsafe().ToVector512Unsafe(), repeat)
                        .Store(to);
                return;
            }
            if (path == SimdPath.Vector256)
            {
                var low = Vector256.Create(0, 0, 0, 0, 1, 1, 1, 1);
                var high = Vector256.Create(2, 2, 2, 2, 3, 3, 3, 3);
                for (int k = 0; k < pairs; k++, codes += 8, to += 16)
                {
                    var rows = Sse41.ConvertToVector128Int16(codes).AsInt32().ToVector256Unsafe();
                    Avx2.PermuteVar8x32(rows, low).Store(to);
                    Avx2.PermuteVar8x32(rows, high).Store(to + 8);
                }
                return;
            }
            for (int k = 0; k < pairs; k++, codes += 8, to += 16)
                for (int j = 0; j < 4; j++)
                    Vector128.Create((codes[2 * j] & 0xFFFF) | (codes[2 * j + 1] << 16)).Store(to + 4 * j);
        }

        /// <summary>Expands one row of int16 codes, in place of row <paramref name="j"/>.</summary>
        public void ExpandRow(short* row, int j, int pairs)
        {
            int* from = (int*)row, to = Codes + 4 * j;
            for (int k = 0; k < pairs; k++, to += 16) Vector128.Create(from[k]).Store(to);
        }
    }

    /// <summary>Bounds one gallery quad against many query quads.</summary>
    /// <param name="quads">The query quads.</param>
    /// <param name="coarse">[entry]: the bound of the coarser levels.</param>
    /// <param name="limits">[slot]: the limit a sum must stay below to matter.</param>
    /// <param name="bounds">Receives 16 bounds an entry (this level alone).</param>
    /// <param name="live">Receives the lanes whose coarse + bound is below the limit (or not comparable).</param>
    public static void Bound(Gallery gallery, in QuadRows query, int* quads, float* coarse, int count, float* limits, ushort lanes,
        float* bounds, ushort* live, SimdPath path)
    {
        switch (path)
        {
            case SimdPath.Vector512: Bound512(gallery, query, quads, coarse, count, limits, lanes, bounds, live); break;
            case SimdPath.Vector256: Bound256(gallery, query, quads, coarse, count, limits, lanes, bounds, live); break;
            default: BoundScalar(gallery, query, quads, coarse, count, limits, lanes, bounds, live); break;
        }
    }

    private static void Bound512(Gallery gallery, in QuadRows query, int* quads, float* coarse, int count, float* limits, ushort lanes,
        float* bounds, ushort* live)
    {
        int pairs = query.Pairs, stride = 8 * pairs, n = 0;
        int* codes = gallery.Codes;
        var terms = Vector512.Load(gallery.Terms);
        var factors = Vector512.Load(gallery.Factors);
        // Eight entries at a time: one load of the gallery serves eight multiply-adds.
        for (; n <= count - 8; n += 8)
        {
            short* q0 = query.Codes + (long)quads[n] * stride, q1 = query.Codes + (long)quads[n + 1] * stride;
            short* q2 = query.Codes + (long)quads[n + 2] * stride, q3 = query.Codes + (long)quads[n + 3] * stride;
            short* q4 = query.Codes + (long)quads[n + 4] * stride, q5 = query.Codes + (long)quads[n + 5] * stride;
            short* q6 = query.Codes + (long)quads[n + 6] * stride, q7 = query.Codes + (long)quads[n + 7] * stride;
            Vector512<int> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            for (nint k = 0; k < pairs; k++)
            {
                var g = Vector512.LoadAligned(codes + 16 * k).AsInt16();
                s0 += Dot(g, q0 + 8 * k);
                s1 += Dot(g, q1 + 8 * k);
                s2 += Dot(g, q2 + 8 * k);
                s3 += Dot(g, q3 + 8 * k);
                s4 += Dot(g, q4 + 8 * k);
                s5 += Dot(g, q5 + 8 * k);
                s6 += Dot(g, q6 + 8 * k);
                s7 += Dot(g, q7 + 8 * k);
            }
            Finish512(s0, n, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s1, n + 1, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s2, n + 2, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s3, n + 3, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s4, n + 4, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s5, n + 5, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s6, n + 6, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
            Finish512(s7, n + 7, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
        }
        for (; n < count; n++)
        {
            short* q = query.Codes + (long)quads[n] * stride;
            Vector512<int> s0 = default, s1 = default;
            nint k = 0;
            for (; k < pairs - 1; k += 2)
            {
                s0 += Dot(Vector512.LoadAligned(codes + 16 * k).AsInt16(), q + 8 * k);
                s1 += Dot(Vector512.LoadAligned(codes + 16 * k + 16).AsInt16(), q + 8 * k + 8);
            }
            if (k < pairs) s0 += Dot(Vector512.LoadAligned(codes + 16 * k).AsInt16(), q + 8 * k);
            Finish512(s0 + s1, n, query, terms, factors, quads, coarse, limits, lanes, bounds, live);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Dot(Vector512<short> gallery, short* query) =>
        Avx512BW.MultiplyAddAdjacent(gallery, Avx512F.BroadcastVector128ToVector512((int*)query).AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish512(Vector512<int> dot, int n, in QuadRows query, Vector512<float> terms, Vector512<float> factors,
        int* quads, float* coarse, float* limits, ushort lanes, float* bounds, ushort* live)
    {
        long slot = 4L * quads[n];
        var factor = factors * Avx512F.BroadcastVector128ToVector512(query.Factors + slot);
        var bound = terms + Avx512F.BroadcastVector128ToVector512(query.Terms + slot) - factor * Vector512.ConvertToSingle(dot);
        bound = Vector512.MaxNative(bound, Vector512<float>.Zero);
        bound.Store(bounds + 16 * n);
        var reached = Vector512.GreaterThanOrEqual(bound + Vector512.Create(coarse[n]),
            Avx512F.BroadcastVector128ToVector512(limits + slot));
        live[n] = (ushort)(lanes & ~(uint)reached.ExtractMostSignificantBits());
    }

    private static void Bound256(Gallery gallery, in QuadRows query, int* quads, float* coarse, int count, float* limits, ushort lanes,
        float* bounds, ushort* live)
    {
        int pairs = query.Pairs, stride = 8 * pairs, n = 0;
        int* codes = gallery.Codes;
        // Four entries at a time: two loads of the gallery serve eight multiply-adds. Sums "a" are gallery rows 0 and 1, "b" 2 and 3.
        for (; n <= count - 4; n += 4)
        {
            short* q0 = query.Codes + (long)quads[n] * stride, q1 = query.Codes + (long)quads[n + 1] * stride;
            short* q2 = query.Codes + (long)quads[n + 2] * stride, q3 = query.Codes + (long)quads[n + 3] * stride;
            Vector256<int> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
            for (nint k = 0; k < pairs; k++)
            {
                var g = Vector256.LoadAligned(codes + 16 * k).AsInt16();
                var h = Vector256.LoadAligned(codes + 16 * k + 8).AsInt16();
                var q = Avx2.BroadcastVector128ToVector256((int*)(q0 + 8 * k)).AsInt16();
                a0 += Avx2.MultiplyAddAdjacent(g, q); b0 += Avx2.MultiplyAddAdjacent(h, q);
                q = Avx2.BroadcastVector128ToVector256((int*)(q1 + 8 * k)).AsInt16();
                a1 += Avx2.MultiplyAddAdjacent(g, q); b1 += Avx2.MultiplyAddAdjacent(h, q);
                q = Avx2.BroadcastVector128ToVector256((int*)(q2 + 8 * k)).AsInt16();
                a2 += Avx2.MultiplyAddAdjacent(g, q); b2 += Avx2.MultiplyAddAdjacent(h, q);
                q = Avx2.BroadcastVector128ToVector256((int*)(q3 + 8 * k)).AsInt16();
                a3 += Avx2.MultiplyAddAdjacent(g, q); b3 += Avx2.MultiplyAddAdjacent(h, q);
            }
            Finish256(a0, b0, n, gallery, query, quads, coarse, limits, lanes, bounds, live);
            Finish256(a1, b1, n + 1, gallery, query, quads, coarse, limits, lanes, bounds, live);
            Finish256(a2, b2, n + 2, gallery, query, quads, coarse, limits, lanes, bounds, live);
            Finish256(a3, b3, n + 3, gallery, query, quads, coarse, limits, lanes, bounds, live);
        }
        for (; n < count; n++)
        {
            short* q = query.Codes + (long)quads[n] * stride;
            Vector256<int> low = default, high = default;
            for (nint k = 0; k < pairs; k++)
            {
                var a = Avx2.BroadcastVector128ToVector256((int*)(q + 8 * k)).AsInt16();
                low += Avx2.MultiplyAddAdjacent(Vector256.LoadAligned(codes + 16 * k).AsInt16(), a);
                high += Avx2.MultiplyAddAdjacent(Vector256.LoadAligned(codes + 16 * k + 8).AsInt16(), a);
            }
            Finish256(low, high, n, gallery, query, quads, coarse, limits, lanes, bounds, live);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish256(Vector256<int> low, Vector256<int> high, int n, Gallery gallery, in QuadRows query, int* quads,
        float* coarse, float* limits, ushort lanes, float* bounds, ushort* live)
    {
        long slot = 4L * quads[n];
        var term = Avx.BroadcastVector128ToVector256(query.Terms + slot);
        var factor = Avx.BroadcastVector128ToVector256(query.Factors + slot);
        var limit = Avx.BroadcastVector128ToVector256(limits + slot);
        var before = Vector256.Create(coarse[n]);
        float* terms = gallery.Terms, factors = gallery.Factors;
        var a = Vector256.Load(terms) + term - Vector256.Load(factors) * factor * Vector256.ConvertToSingle(low);
        var b = Vector256.Load(terms + 8) + term - Vector256.Load(factors + 8) * factor * Vector256.ConvertToSingle(high);
        a = Vector256.MaxNative(a, Vector256<float>.Zero);
        b = Vector256.MaxNative(b, Vector256<float>.Zero);
        a.Store(bounds + 16 * n);
        b.Store(bounds + 16 * n + 8);
        live[n] = (ushort)(lanes & ~(Vector256.GreaterThanOrEqual(a + before, limit).ExtractMostSignificantBits()
            | Vector256.GreaterThanOrEqual(b + before, limit).ExtractMostSignificantBits() << 8));
    }

    private static void BoundScalar(Gallery gallery, in QuadRows query, int* quads, float* coarse, int count, float* limits, ushort lanes,
        float* bounds, ushort* live)
    {
        int pairs = query.Pairs, stride = 8 * pairs;
        short* codes = (short*)gallery.Codes;
        for (int n = 0; n < count; n++)
        {
            short* q = query.Codes + (long)quads[n] * stride;
            uint reached = 0;
            for (int lane = 0; lane < 16; lane++)
            {
                int i = lane % 4, dot = 0;
                for (int k = 0; k < pairs; k++)
                    dot += codes[2 * (16 * k + lane)] * q[8 * k + 2 * i] + codes[2 * (16 * k + lane) + 1] * q[8 * k + 2 * i + 1];
                long slot = 4L * quads[n] + i;
                float bound = gallery.Terms[lane] + query.Terms[slot] - gallery.Factors[lane] * query.Factors[slot] * dot;
                bound = bound > 0 ? bound : 0;
                bounds[16 * n + lane] = bound;
                if (bound + coarse[n] >= limits[slot]) reached |= 1u << lane;
            }
            live[n] = (ushort)(lanes & ~reached);
        }
    }
}
