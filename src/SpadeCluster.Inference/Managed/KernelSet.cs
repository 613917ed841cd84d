using System.Runtime.Intrinsics;

namespace SpadeCluster.Inference.Managed;

/// <summary>Makes steps for one vector width: the only place where the width is chosen.</summary>
internal abstract class KernelSet
{
    /// <summary>The widest path of this machine.</summary>
    public static SimdPath Best =>
        Vector512.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Avx512F.IsSupported ? SimdPath.Vector512
        : Vector256.IsHardwareAccelerated ? SimdPath.Vector256 : SimdPath.Scalar;

    public static KernelSet For(SimdPath path) => path switch
    {
        SimdPath.Vector512 => new KernelSet<Simd512, Vector512<float>>(),
        SimdPath.Vector256 => new KernelSet<Simd256, Vector256<float>>(),
        _ => new KernelSet<SimdScalar, float>(),
    };

    public abstract IReadOnlyList<Step> Convolution(ConvolutionSpec spec, int threads);
    public abstract Step Unary<TOp>(string name, Value input, Value output, float low, float high) where TOp : struct, IUnary;
    public abstract Step Binary<TOp>(string name, Value a, Value b, Value output) where TOp : struct, IBinary;
    public abstract Step Pool(string name, Value input, Value output, WindowShape window, bool average, bool countPad);
    public abstract Step Reduce(string name, Value input, Value output, int outer, int count, int inner, bool mean);
    public abstract Step ChannelAffine(string name, Value input, Value output, float[] scale, float[] shift);
    public abstract Step Linear(string name, Value input, Value output, float[] weights, float[] bias);
}

internal sealed class KernelSet<S, V> : KernelSet
    where S : struct, ISimd<V>
    where V : struct
{
    // Below this many output channels a group shares too little for a matrix product.
    private const int FewestForGemm = 4;

    public override IReadOnlyList<Step> Convolution(ConvolutionSpec spec, int threads)
    {
        if (WinogradShape.Fits(spec)) return Winograd(spec);
        return [spec.OutPerGroup >= FewestForGemm ? new GemmConvolution<S, V>(spec, threads) : new DirectConvolution<S, V>(spec, threads)];
    }

    private static IReadOnlyList<Step> Winograd(ConvolutionSpec spec)
    {
        var shape = new WinogradShape(spec, S.Width, GemmKernel<S, V>.MostVectors);
        var tiles = new Value($"{spec.Output.Name} (tiles)", [WinogradShape.Elements, spec.InChannels, shape.Pitch]);
        var products = new Value($"{spec.Output.Name} (products)", [WinogradShape.Elements, WinogradProduct<S, V>.Rows(spec.OutChannels), shape.Pitch]);
        return [new WinogradInput<S, V>(spec, shape, tiles), new WinogradProduct<S, V>(spec, shape, tiles, products), new WinogradOutput<S, V>(spec, shape, products)];
    }

    public override Step Unary<TOp>(string name, Value input, Value output, float low, float high) => new Unary<S, V, TOp>(name, input, output, low, high);

    public override Step Binary<TOp>(string name, Value a, Value b, Value output) =>
        typeof(TOp) == typeof(PowOp) ? new Binary<SimdScalar, float, TOp>(name, a, b, output) : new Binary<S, V, TOp>(name, a, b, output);

    public override Step Pool(string name, Value input, Value output, WindowShape window, bool average, bool countPad) =>
        new Pool<S, V>(name, input, output, window, average, countPad);

    public override Step Reduce(string name, Value input, Value output, int outer, int count, int inner, bool mean) =>
        new Reduce<S, V>(name, input, output, outer, count, inner, mean);

    public override Step ChannelAffine(string name, Value input, Value output, float[] scale, float[] shift) => new ChannelAffine<S, V>(name, input, output, scale, shift);

    public override Step Linear(string name, Value input, Value output, float[] weights, float[] bias) => new Linear<S, V>(name, input, output, weights, bias);
}
