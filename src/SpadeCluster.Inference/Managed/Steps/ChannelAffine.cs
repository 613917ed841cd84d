using System.Runtime.CompilerServices;

namespace SpadeCluster.Inference.Managed;

/// <summary>y = x * scale + shift per channel: a batch normalisation that could not be folded into a convolution.</summary>
internal sealed unsafe class ChannelAffine<S, V>(string name, Value input, Value output, float[] scale, float[] shift) : Step(name, output, input)
    where S : struct, ISimd<V>
    where V : struct
{
    public override int Tasks => scale.Length;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, float* scratch)
    {
        int plane = Output.Length / scale.Length, i = 0;
        float* x = Inputs[0].Pointer + ((long)task * plane), y = Output.Pointer + ((long)task * plane);
        V a = S.Create(scale[task]), b = S.Create(shift[task]);
        for (; i <= plane - S.Width; i += S.Width) S.Store(y + i, S.MultiplyAdd(S.Load(x + i), a, b));
        for (; i < plane; i++) y[i] = (x[i] * scale[task]) + shift[task];
    }
}
