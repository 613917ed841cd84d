using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>ONNX Gemm with constant weights: out[row][o] = weights[o] . in[row] + bias[o].</summary>
/// <param name="weights">[outputs][inputs].</param>
internal sealed unsafe class Linear<S, V>(string name, Value input, Value output, float[] weights, float[] bias) : Step(name, output, input)
    where S : struct, ISimd<V>
    where V : struct
{
    private const int OutputsPerTask = 64;
    private readonly NativeBuffer _weights = NativeBuffer.Of(weights);

    public override int Tasks => (bias.Length + OutputsPerTask - 1) / OutputsPerTask;

    public override void Dispose() => _weights.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        int rows = Output.Length / bias.Length, depth = Inputs[0].Length / rows;
        for (int o = task * OutputsPerTask, end = Math.Min(o + OutputsPerTask, bias.Length); o < end; o++)
            for (int r = 0; r < rows; r++)
            {
                float* x = Inputs[0].Pointer + ((long)r * depth), w = _weights.Pointer + ((long)o * depth);
                V sum = S.Create(0);
                int i = 0;
                for (; i <= depth - S.Width; i += S.Width) sum = S.MultiplyAdd(S.Load(x + i), S.Load(w + i), sum);
                float total = S.Sum(sum) + bias[o];
                for (; i < depth; i++) total += x[i] * w[i];
                Output.Pointer[(r * bias.Length) + o] = total;
            }
    }
}
