using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>An operation on each element by itself.</summary>
internal interface IUnary
{
    static abstract V Apply<S, V>(V x, V low, V high) where S : struct, ISimd<V> where V : struct;
}

internal readonly struct AbsOp : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x, V low, V high) where S : struct, ISimd<V> where V : struct => S.Abs(x);
}

internal readonly struct SqrtOp : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x, V low, V high) where S : struct, ISimd<V> where V : struct => S.Sqrt(x);
}

/// <summary>Relu and Clip.</summary>
internal readonly struct ClampOp : IUnary
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<S, V>(V x, V low, V high) where S : struct, ISimd<V> where V : struct => S.Min(S.Max(x, low), high);
}

internal sealed unsafe class Unary<S, V, TOp>(string name, Value input, Value output, float low = 0, float high = 0) : Step(name, output, input)
    where S : struct, ISimd<V>
    where V : struct
    where TOp : struct, IUnary
{
    private const int Chunk = 1 << 14;

    public override int Tasks => (Output.Length + Chunk - 1) / Chunk;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        int i = task * Chunk, end = Math.Min(i + Chunk, Output.Length);
        float* x = Inputs[0].Pointer, y = Output.Pointer;
        V lows = S.Create(low), highs = S.Create(high);
        for (; i <= end - S.Width; i += S.Width) S.Store(y + i, TOp.Apply<S, V>(S.Load(x + i), lows, highs));
        for (; i < end; i++) y[i] = TOp.Apply<SimdScalar, float>(x[i], low, high);
    }
}
