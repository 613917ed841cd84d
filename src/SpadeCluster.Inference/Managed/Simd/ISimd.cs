namespace SpadeCluster.Inference.Managed;

/// <summary>
/// One width of float vectors. Kernels are written once, generic over this interface, and the JIT compiles them anew for
/// each implementation: 16 lanes (AVX-512), 8 lanes (AVX2 with FMA), and a single lane, which is the scalar reference.
/// </summary>
/// <typeparam name="V">The vector: Vector512, Vector256 or float itself.</typeparam>
internal unsafe interface ISimd<V> where V : struct
{
    static abstract int Width { get; }
    static abstract V Load(float* p);
    static abstract void Store(float* p, V v);

    /// <summary>Every second element from p on; may read one element beyond the last.</summary>
    static abstract V LoadEven(float* p);

    /// <summary>Stores even[0], odd[0], even[1], odd[1] and so on: twice the width.</summary>
    static abstract void StorePairs(float* p, V even, V odd);

    /// <summary>All lanes hold <paramref name="value"/>.</summary>
    static abstract V Create(float value);

    /// <summary>a * b + c; with one rounding where the machine has it.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);
    static abstract V Add(V a, V b);
    static abstract V Subtract(V a, V b);
    static abstract V Multiply(V a, V b);
    static abstract V Divide(V a, V b);
    static abstract V Max(V a, V b);
    static abstract V Min(V a, V b);
    static abstract V Sqrt(V v);
    static abstract V Abs(V v);
    static abstract float Sum(V v);
    static abstract float Largest(V v);
}

/// <summary>Which vector width kernels run with.</summary>
internal enum SimdPath
{
    Scalar,
    Vector256,
    Vector512,
}
