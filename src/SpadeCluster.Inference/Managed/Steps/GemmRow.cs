using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// One row of the micro-kernel's tile: one, two or three vectors side by side. The JIT keeps the fields of such small
/// structs in registers of their own, so the kernel is written once for all widths and costs the same as with plain
/// locals.
/// </summary>
internal unsafe interface IGemmRow<TRow, V> where V : struct
{
    /// <summary>Vectors in a row.</summary>
    static abstract int Count { get; }
    static abstract TRow Create(float value);
    static abstract TRow Load(float* p);
    static abstract void Store(float* p, TRow row);
    static abstract TRow Add(TRow a, TRow b);
    static abstract TRow Clamp(TRow row, V low, V high);

    /// <summary>x * b + c.</summary>
    static abstract TRow MultiplyAdd(V x, TRow b, TRow c);
}

internal readonly unsafe struct GemmRow1<S, V>(V a) : IGemmRow<GemmRow1<S, V>, V>
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly V _a = a;
    public static int Count => 1;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow1<S, V> Create(float value) => new(S.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow1<S, V> Load(float* p) => new(S.Load(p));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(float* p, GemmRow1<S, V> row) => S.Store(p, row._a);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow1<S, V> Add(GemmRow1<S, V> a, GemmRow1<S, V> b) => new(S.Add(a._a, b._a));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow1<S, V> Clamp(GemmRow1<S, V> row, V low, V high) => new(S.Min(S.Max(row._a, low), high));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow1<S, V> MultiplyAdd(V x, GemmRow1<S, V> b, GemmRow1<S, V> c) => new(S.MultiplyAdd(x, b._a, c._a));
}

internal readonly unsafe struct GemmRow2<S, V>(V a, V b) : IGemmRow<GemmRow2<S, V>, V>
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly V _a = a, _b = b;
    public static int Count => 2;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow2<S, V> Create(float value) => new(S.Create(value), S.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow2<S, V> Load(float* p) => new(S.Load(p), S.Load(p + S.Width));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow2<S, V> Add(GemmRow2<S, V> a, GemmRow2<S, V> b) => new(S.Add(a._a, b._a), S.Add(a._b, b._b));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow2<S, V> Clamp(GemmRow2<S, V> row, V low, V high) => new(S.Min(S.Max(row._a, low), high), S.Min(S.Max(row._b, low), high));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow2<S, V> MultiplyAdd(V x, GemmRow2<S, V> b, GemmRow2<S, V> c) => new(S.MultiplyAdd(x, b._a, c._a), S.MultiplyAdd(x, b._b, c._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* p, GemmRow2<S, V> row)
    {
        S.Store(p, row._a);
        S.Store(p + S.Width, row._b);
    }
}

internal readonly unsafe struct GemmRow3<S, V>(V a, V b, V c) : IGemmRow<GemmRow3<S, V>, V>
    where S : struct, ISimd<V>
    where V : struct
{
    private readonly V _a = a, _b = b, _c = c;
    public static int Count => 3;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow3<S, V> Create(float value) => new(S.Create(value), S.Create(value), S.Create(value));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow3<S, V> Load(float* p) => new(S.Load(p), S.Load(p + S.Width), S.Load(p + (2 * S.Width)));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow3<S, V> Add(GemmRow3<S, V> a, GemmRow3<S, V> b) => new(S.Add(a._a, b._a), S.Add(a._b, b._b), S.Add(a._c, b._c));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow3<S, V> Clamp(GemmRow3<S, V> row, V low, V high) => new(S.Min(S.Max(row._a, low), high), S.Min(S.Max(row._b, low), high), S.Min(S.Max(row._c, low), high));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static GemmRow3<S, V> MultiplyAdd(V x, GemmRow3<S, V> b, GemmRow3<S, V> c) => new(S.MultiplyAdd(x, b._a, c._a), S.MultiplyAdd(x, b._b, c._b), S.MultiplyAdd(x, b._c, c._c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* p, GemmRow3<S, V> row)
    {
        S.Store(p, row._a);
        S.Store(p + S.Width, row._b);
        S.Store(p + (2 * S.Width), row._c);
    }
}
