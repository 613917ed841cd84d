using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>Mean or maximum over neighbouring dimensions: the input is seen as [outer][count][inner], the output as [outer][inner].</summary>
internal sealed unsafe class Reduce<S, V>(string name, Value input, Value output, int outer, int count, int inner, bool mean) : Step(name, output, input)
    where S : struct, ISimd<V>
    where V : struct
{
    private const int Chunk = 1 << 12;
    private readonly int _pieces = (inner + Chunk - 1) / Chunk;

    public override int Tasks => outer * _pieces;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        int start = task % _pieces * Chunk, end = Math.Min(start + Chunk, inner);
        float* x = Inputs[0].Pointer + ((long)(task / _pieces) * count * inner), y = Output.Pointer + ((long)(task / _pieces) * inner);
        if (inner == 1)
        {
            *y = mean ? (float)(Total(x) / count) : Largest(x);
            return;
        }
        float share = 1f / count;
        int i = start;
        for (; i <= end - S.Width; i += S.Width)
        {
            V v = S.Load(x + i);
            for (int k = 1; k < count; k++)
            {
                V next = S.Load(x + ((long)k * inner) + i);
                v = mean ? S.Add(v, next) : S.Max(v, next);
            }
            S.Store(y + i, mean ? S.Multiply(v, S.Create(share)) : v);
        }
        for (; i < end; i++)
        {
            float v = x[i];
            for (int k = 1; k < count; k++)
            {
                float next = x[((long)k * inner) + i];
                v = mean ? v + next : Math.Max(v, next);
            }
            y[i] = mean ? v * share : v;
        }
    }

    /// <summary>Sums pieces of some hundred elements in float, the pieces in double: as exact as float results can use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double Total(float* x)
    {
        const int Piece = 512;
        double total = 0;
        for (int start = 0; start < count; start += Piece)
        {
            int end = Math.Min(start + Piece, count), i = start;
            V sum = S.Create(0);
            for (; i <= end - S.Width; i += S.Width) sum = S.Add(sum, S.Load(x + i));
            total += S.Sum(sum);
            for (; i < end; i++) total += x[i];
        }
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Largest(float* x)
    {
        int i = 0;
        V most = S.Create(float.NegativeInfinity);
        for (; i <= count - S.Width; i += S.Width) most = S.Max(most, S.Load(x + i));
        float largest = S.Largest(most);
        for (; i < count; i++) largest = Math.Max(largest, x[i]);
        return largest;
    }
}
