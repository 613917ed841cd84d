using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>An operation on pairs of elements.</summary>
internal interface IBinary
{
    static abstract V Apply<S, V>(V a, V b) where S : struct, ISimd<V> where V : struct;
}

internal readonly struct AddOp : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, ISimd<V> where V : struct => S.Add(a, b);
}

internal readonly struct SubOp : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, ISimd<V> where V : struct => S.Subtract(a, b);
}

internal readonly struct MulOp : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, ISimd<V> where V : struct => S.Multiply(a, b);
}

internal readonly struct DivOp : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, ISimd<V> where V : struct => S.Divide(a, b);
}

/// <summary>Powers have no vector instruction: this one runs on single lanes (see <see cref="GraphCompiler"/>).</summary>
internal readonly struct PowOp : IBinary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V a, V b) where S : struct, ISimd<V> where V : struct =>
        typeof(V) == typeof(float) ? (V)(object)Power((float)(object)a, (float)(object)b) : throw new NotSupportedException();

    private static float Power(float x, float exponent) => exponent == 2 ? x * x : exponent == 0.5f ? MathF.Sqrt(x) : MathF.Pow(x, exponent);
}

/// <summary>
/// A binary operation with NumPy's broadcasting. Dimensions that both operands walk alike are merged, so that most cases
/// become a few long rows along which an operand either advances by one or stands still.
/// </summary>
internal sealed unsafe class Binary<S, V, TOp> : Step
    where S : struct, ISimd<V>
    where V : struct
    where TOp : struct, IBinary
{
    private const int Chunk = 1 << 14;
    private readonly int[] _dims; // outer dimensions, slowest first
    private readonly long[] _stepsA, _stepsB;
    private readonly int _inner, _pieces, _rows, _rowsPerTask;
    private readonly bool _advanceA, _advanceB;

    public Binary(string name, Value a, Value b, Value output) : base(name, output, a, b)
    {
        var merged = new List<(int Size, long A, long B)>();
        var (stridesA, stridesB) = (Strides(a.Shape, output.Shape), Strides(b.Shape, output.Shape));
        for (int d = 0; d < output.Shape.Length; d++)
        {
            int size = output.Shape[d];
            if (size == 1) continue;
            if (merged.Count > 0 && merged[^1] is var last && last.A == stridesA[d] * size && last.B == stridesB[d] * size)
                merged[^1] = (last.Size * size, stridesA[d], stridesB[d]);
            else
                merged.Add((size, stridesA[d], stridesB[d]));
        }
        if (merged.Count == 0) merged.Add((1, 1, 1));
        (_inner, _advanceA, _advanceB) = (merged[^1].Size, merged[^1].A != 0, merged[^1].B != 0);
        merged.RemoveAt(merged.Count - 1);
        _dims = [.. merged.Select(m => m.Size)];
        (_stepsA, _stepsB) = ([.. merged.Select(m => m.A)], [.. merged.Select(m => m.B)]);
        _rows = _dims.Aggregate(1, (p, d) => p * d);
        _pieces = (_inner + Chunk - 1) / Chunk;
        _rowsPerTask = Math.Max(1, Chunk / _inner);
    }

    public override int Tasks => _pieces > 1 ? _rows * _pieces : (_rows + _rowsPerTask - 1) / _rowsPerTask;

    public override void Run(int task, float* scratch)
    {
        if (_pieces > 1)
        {
            int start = task % _pieces * Chunk;
            Row(task / _pieces, start, Math.Min(Chunk, _inner - start));
        }
        else
        {
            for (int row = task * _rowsPerTask, end = Math.Min(row + _rowsPerTask, _rows); row < end; row++) Row(row, 0, _inner);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Row(int row, int start, int count)
    {
        long offsetA = 0, offsetB = 0;
        for (int d = _dims.Length - 1, rest = row; d >= 0; d--)
        {
            (rest, int index) = Math.DivRem(rest, _dims[d]);
            offsetA += index * _stepsA[d];
            offsetB += index * _stepsB[d];
        }
        float* a = Inputs[0].Pointer + offsetA + (_advanceA ? start : 0), b = Inputs[1].Pointer + offsetB + (_advanceB ? start : 0);
        float* y = Output.Pointer + ((long)row * _inner) + start;
        int i = 0;
        if (_advanceA && _advanceB)
        {
            for (; i <= count - S.Width; i += S.Width) S.Store(y + i, TOp.Apply<S, V>(S.Load(a + i), S.Load(b + i)));
            for (; i < count; i++) y[i] = TOp.Apply<SimdScalar, float>(a[i], b[i]);
        }
        else if (_advanceA)
        {
            V all = S.Create(*b);
            for (; i <= count - S.Width; i += S.Width) S.Store(y + i, TOp.Apply<S, V>(S.Load(a + i), all));
            for (; i < count; i++) y[i] = TOp.Apply<SimdScalar, float>(a[i], *b);
        }
        else
        {
            V all = S.Create(*a);
            for (; i <= count - S.Width; i += S.Width) S.Store(y + i, TOp.Apply<S, V>(all, _advanceB ? S.Load(b + i) : S.Create(*b)));
            for (; i < count; i++) y[i] = TOp.Apply<SimdScalar, float>(*a, _advanceB ? b[i] : *b);
        }
    }

    /// <summary>Strides of <paramref name="shape"/> against the output's dimensions; 0 where it is repeated.</summary>
    private static long[] Strides(int[] shape, int[] output)
    {
        var strides = new long[output.Length];
        long stride = 1;
        for (int d = 1; d <= shape.Length; d++)
        {
            strides[^d] = shape[^d] == 1 ? 0 : stride;
            stride *= shape[^d];
        }
        return strides;
    }
}
