using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Bounds of all query cells of one level against a tile of gallery cells: a dense product of int16 rows. Query cells lie
/// in groups of 16, [group][pair of channels][cell][2], so a lane is a query cell; gallery rows stay as they are and are
/// broadcast a channel pair at a time. 14 gallery rows times two groups fill 28 of 32 registers with sums.
/// </summary>
internal static unsafe class RootKernel
{
    /// <summary>Gallery rows of a tile; rows past the last one may hold anything.</summary>
    public const int TileRows = 14;

    /// <summary>Query cells of a group.</summary>
    public const int Group = 16;

    /// <param name="query">[group][pair][16][2].</param>
    /// <param name="terms">[group * 16], as <paramref name="factors"/>.</param>
    /// <param name="rows">TileRows gallery rows of 2 * <paramref name="pairs"/> values.</param>
    /// <param name="rowTerms">[TileRows] terms, then as many factors.</param>
    /// <param name="bounds">Receives [row][group * 16], rows <paramref name="stride"/> apart.</param>
    [SkipLocalsInit]
    public static void Bound(short* query, float* terms, float* factors, int groups, short* rows, float* rowTerms, int rowCount, int pairs,
        float* bounds, int stride, SimdPath path)
    {
        int* sums = stackalloc int[TileRows * 2 * Group];
        for (int group = 0; group < groups; group += 2)
        {
            int width = Math.Min(2, groups - group) * Group;
            Multiply((int*)query + (long)group * pairs * Group, width, rows, rowCount, pairs, sums, path);
            for (int r = 0; r < rowCount; r++)
                Finish(sums + r * width, width, terms + group * Group, factors + group * Group, rowTerms[r], rowTerms[TileRows + r],
                    bounds + (long)r * stride + group * Group);
        }
    }

    /// <summary>Compares the bounds of one or two groups with limits, without storing the bounds.</summary>
    /// <param name="width">Query cells: 16 or 32.</param>
    /// <param name="limits">[cell]: what a bound must stay below to matter.</param>
    /// <param name="live">[row]: receives the cells whose bound is below their limit (or not comparable).</param>
    /// <returns>How many those are.</returns>
    [SkipLocalsInit]
    public static int Below(short* query, float* terms, float* factors, float* limits, int width, short* rows, float* rowTerms,
        int rowCount, int pairs, uint* live, SimdPath path)
    {
        int* sums = stackalloc int[TileRows * 2 * Group];
        Multiply((int*)query, width, rows, rowCount, pairs, sums, path);
        uint any = path == SimdPath.Vector512 && width == 2 * Group
            ? Below512(sums, terms, factors, limits, rowTerms, rowCount, live)
            : BelowAny(sums, terms, factors, limits, width, rowTerms, rowCount, live);
        if (any == 0) return 0;
        int count = 0;
        for (int r = 0; r < rowCount; r++) count += BitOperations.PopCount(live[r]);
        return count;
    }

    private static uint BelowAny(int* sums, float* terms, float* factors, float* limits, int width, float* rowTerms, int rowCount,
        uint* live)
    {
        uint any = 0;
        for (int r = 0; r < rowCount; r++)
        {
            uint reached = 0;
            int* sum = sums + r * width;
            Vector256<float> term = Vector256.Create(rowTerms[r]), factor = Vector256.Create(rowTerms[TileRows + r]);
            for (int i = 0; i < width; i += 8)
            {
                var bound = Bound(Vector256.Load(terms + i), term, Vector256.Load(factors + i), factor, Vector256.Load(sum + i));
                reached |= Vector256.GreaterThanOrEqual(bound, Reachable(Vector256.Load(limits + i))).ExtractMostSignificantBits() << i;
            }
            live[r] = ~reached & uint.MaxValue >> (32 - width);
            any |= live[r];
        }
        return any;
    }

    private static uint Below512(int* sums, float* terms, float* factors, float* limits, float* rowTerms, int rowCount, uint* live)
    {
        Vector512<float> t0 = Vector512.Load(terms), t1 = Vector512.Load(terms + 16);
        Vector512<float> f0 = Vector512.Load(factors), f1 = Vector512.Load(factors + 16);
        Vector512<float> l0 = Vector512.Load(limits), l1 = Vector512.Load(limits + 16), none = Vector512.Create(float.NegativeInfinity);
        l0 = Vector512.ConditionalSelect(Vector512.GreaterThan(l0, Vector512<float>.Zero), l0, none);
        l1 = Vector512.ConditionalSelect(Vector512.GreaterThan(l1, Vector512<float>.Zero), l1, none);
        uint any = 0;
        for (int r = 0; r < rowCount; r++, sums += 32)
        {
            Vector512<float> term = Vector512.Create(rowTerms[r]), factor = Vector512.Create(rowTerms[TileRows + r]);
            var b0 = t0 + term - f0 * factor * Vector512.ConvertToSingle(Vector512.Load(sums));
            var b1 = t1 + term - f1 * factor * Vector512.ConvertToSingle(Vector512.Load(sums + 16));
            live[r] = ~((uint)Vector512.GreaterThanOrEqual(b0, l0).ExtractMostSignificantBits()
                | (uint)Vector512.GreaterThanOrEqual(b1, l1).ExtractMostSignificantBits() << 16);
            any |= live[r];
        }
        return any;
    }

    /// <summary>Turns limits of 0 into -infinity: a bound may be negative, but no distance is below 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Reachable(Vector256<float> limits) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(limits, Vector256<float>.Zero), limits, Vector256.Create(float.NegativeInfinity));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Bound(Vector256<float> term, Vector256<float> rowTerm, Vector256<float> factor,
        Vector256<float> rowFactor, Vector256<int> dot) =>
        term + rowTerm - factor * rowFactor * Vector256.ConvertToSingle(dot);

    /// <summary>Coordinates of a tile's rows along directions, which are stored in groups like query cells.</summary>
    /// <param name="scales">[row]: the factor of this row's integer sums.</param>
    /// <param name="result">Receives [row][group * 16].</param>
    [SkipLocalsInit]
    public static void Project(short* directions, int groups, short* rows, float* scales, int rowCount, int pairs, float* result,
        SimdPath path)
    {
        int* sums = stackalloc int[TileRows * 2 * Group];
        for (int group = 0; group < groups; group += 2)
        {
            int width = Math.Min(2, groups - group) * Group;
            Multiply((int*)directions + (long)group * pairs * Group, width, rows, rowCount, pairs, sums, path);
            for (int r = 0; r < rowCount; r++)
                for (int i = 0; i < width; i += 8)
                    (Vector256.ConvertToSingle(Vector256.Load(sums + r * width + i)) * scales[r])
                        .Store(result + ((long)r * groups + group) * Group + i);
        }
    }

    /// <summary>Sums of one or two groups (<paramref name="width"/> is 16 or 32): [row][width].</summary>
    private static void Multiply(int* query, int width, short* rows, int rowCount, int pairs, int* sums, SimdPath path)
    {
        if (path == SimdPath.Vector512)
        {
            if (width == Group) Tile1(query, (int*)rows, pairs, sums);
            else Tile2(query, query + pairs * Group, (int*)rows, pairs, sums);
            return;
        }
        for (int i = 0; i < width; i += Group, query += pairs * Group)
        {
            if (path == SimdPath.Vector256)
            {
                // The last five rows may include some of those before, and some after the last one.
                for (int r = 0; r < rowCount; r += 5)
                {
                    int first = Math.Min(r, TileRows - 5);
                    Rows256(query, (int*)rows + first * pairs, pairs, sums + first * width + i, width);
                }
                continue;
            }
            for (int r = 0; r < rowCount; r++) RowScalar((short*)query, rows + 2 * r * pairs, pairs, sums + r * width + i);
        }
    }

    private static void Finish(int* sums, int width, float* terms, float* factors, float rowTerm, float rowFactor, float* bounds)
    {
        for (int i = 0; i < width; i += 8)
        {
            var bound = Bound(Vector256.Load(terms + i), Vector256.Create(rowTerm), Vector256.Load(factors + i),
                Vector256.Create(rowFactor), Vector256.Load(sums + i));
            Vector256.MaxNative(bound, Vector256<float>.Zero).Store(bounds + i);
        }
    }

    private static Vector512<int> Dot(Vector512<short> query, int* row) =>
        Avx512BW.MultiplyAddAdjacent(query, Vector512.Create(*row).AsInt16());

    private static void Tile2(int* left, int* right, int* rows, int pairs, int* sums)
    {
        int* r1 = rows + pairs, r2 = r1 + pairs, r3 = r2 + pairs, r4 = r3 + pairs, r5 = r4 + pairs, r6 = r5 + pairs;
        nint seven = 7 * (nint)pairs;
        Vector512<int> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default;
        Vector512<int> a7 = default, a8 = default, a9 = default, a10 = default, a11 = default, a12 = default, a13 = default;
        Vector512<int> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default;
        Vector512<int> b7 = default, b8 = default, b9 = default, b10 = default, b11 = default, b12 = default, b13 = default;
        for (nint k = 0; k < pairs; k++)
        {
            var p = Vector512.LoadAligned(left + Group * k).AsInt16();
            var q = Vector512.LoadAligned(right + Group * k).AsInt16();
            var g = Vector512.Create(rows[k]).AsInt16();
            a0 += Avx512BW.MultiplyAddAdjacent(p, g); b0 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r1[k]).AsInt16();
            a1 += Avx512BW.MultiplyAddAdjacent(p, g); b1 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r2[k]).AsInt16();
            a2 += Avx512BW.MultiplyAddAdjacent(p, g); b2 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r3[k]).AsInt16();
            a3 += Avx512BW.MultiplyAddAdjacent(p, g); b3 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r4[k]).AsInt16();
            a4 += Avx512BW.MultiplyAddAdjacent(p, g); b4 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r5[k]).AsInt16();
            a5 += Avx512BW.MultiplyAddAdjacent(p, g); b5 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r6[k]).AsInt16();
            a6 += Avx512BW.MultiplyAddAdjacent(p, g); b6 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(rows[k + seven]).AsInt16();
            a7 += Avx512BW.MultiplyAddAdjacent(p, g); b7 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r1[k + seven]).AsInt16();
            a8 += Avx512BW.MultiplyAddAdjacent(p, g); b8 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r2[k + seven]).AsInt16();
            a9 += Avx512BW.MultiplyAddAdjacent(p, g); b9 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r3[k + seven]).AsInt16();
            a10 += Avx512BW.MultiplyAddAdjacent(p, g); b10 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r4[k + seven]).AsInt16();
            a11 += Avx512BW.MultiplyAddAdjacent(p, g); b11 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r5[k + seven]).AsInt16();
            a12 += Avx512BW.MultiplyAddAdjacent(p, g); b12 += Avx512BW.MultiplyAddAdjacent(q, g);
            g = Vector512.Create(r6[k + seven]).AsInt16();
            a13 += Avx512BW.MultiplyAddAdjacent(p, g); b13 += Avx512BW.MultiplyAddAdjacent(q, g);
        }
        Store2(a0, b0, sums, 0); Store2(a1, b1, sums, 1); Store2(a2, b2, sums, 2); Store2(a3, b3, sums, 3); Store2(a4, b4, sums, 4);
        Store2(a5, b5, sums, 5); Store2(a6, b6, sums, 6); Store2(a7, b7, sums, 7); Store2(a8, b8, sums, 8); Store2(a9, b9, sums, 9);
        Store2(a10, b10, sums, 10); Store2(a11, b11, sums, 11); Store2(a12, b12, sums, 12); Store2(a13, b13, sums, 13);
    }

    private static void Store2(Vector512<int> a, Vector512<int> b, int* sums, int row)
    {
        a.Store(sums + row * 2 * Group);
        b.Store(sums + row * 2 * Group + Group);
    }

    /// <summary>A single group, processed as two halves of seven rows.</summary>
    private static void Tile1(int* query, int* rows, int pairs, int* sums)
    {
        for (int half = 0; half < 2; half++, rows += 7 * pairs, sums += 7 * Group)
        {
            int* r1 = rows + pairs, r2 = r1 + pairs, r3 = r2 + pairs, r4 = r3 + pairs, r5 = r4 + pairs, r6 = r5 + pairs;
            Vector512<int> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default;
            for (nint k = 0; k < pairs; k++)
            {
                var q = Vector512.LoadAligned(query + Group * k).AsInt16();
                a0 += Dot(q, rows + k); a1 += Dot(q, r1 + k); a2 += Dot(q, r2 + k); a3 += Dot(q, r3 + k);
                a4 += Dot(q, r4 + k); a5 += Dot(q, r5 + k); a6 += Dot(q, r6 + k);
            }
            a0.Store(sums); a1.Store(sums + Group); a2.Store(sums + 2 * Group); a3.Store(sums + 3 * Group);
            a4.Store(sums + 4 * Group); a5.Store(sums + 5 * Group); a6.Store(sums + 6 * Group);
        }
    }

    /// <summary>Five rows against one group. Ten sums, two vectors of the query, one of the gallery and a product are as many as there are
    /// registers, and 7 loads serve 10 multiplications.</summary>
    private static void Rows256(int* query, int* rows, int pairs, int* sums, int width)
    {
        int* r1 = rows + pairs, r2 = r1 + pairs, r3 = r2 + pairs, r4 = r3 + pairs;
        Vector256<int> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
        Vector256<int> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default;
        for (nint k = 0; k < pairs; k++)
        {
            var p = Vector256.LoadAligned(query + Group * k).AsInt16();
            var q = Vector256.LoadAligned(query + Group * k + 8).AsInt16();
            var g = Vector256.Create(rows[k]).AsInt16();
            a0 += Avx2.MultiplyAddAdjacent(p, g); b0 += Avx2.MultiplyAddAdjacent(q, g);
            g = Vector256.Create(r1[k]).AsInt16();
            a1 += Avx2.MultiplyAddAdjacent(p, g); b1 += Avx2.MultiplyAddAdjacent(q, g);
            g = Vector256.Create(r2[k]).AsInt16();
            a2 += Avx2.MultiplyAddAdjacent(p, g); b2 += Avx2.MultiplyAddAdjacent(q, g);
            g = Vector256.Create(r3[k]).AsInt16();
            a3 += Avx2.MultiplyAddAdjacent(p, g); b3 += Avx2.MultiplyAddAdjacent(q, g);
            g = Vector256.Create(r4[k]).AsInt16();
            a4 += Avx2.MultiplyAddAdjacent(p, g); b4 += Avx2.MultiplyAddAdjacent(q, g);
        }
        Store(a0, b0, sums); Store(a1, b1, sums + width); Store(a2, b2, sums + 2 * width); Store(a3, b3, sums + 3 * width);
        Store(a4, b4, sums + 4 * width);
    }

    private static void Store(Vector256<int> low, Vector256<int> high, int* sums)
    {
        low.Store(sums);
        high.Store(sums + 8);
    }

    private static void RowScalar(short* query, short* row, int pairs, int* sums)
    {
        for (int lane = 0; lane < Group; lane++)
        {
            int dot = 0;
            for (int k = 0; k < pairs; k++)
                dot += query[2 * (Group * k + lane)] * row[2 * k] + query[2 * (Group * k + lane) + 1] * row[2 * k + 1];
            sums[lane] = dot;
        }
    }
}
