using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests.Managed;

public class ConvolutionTests
{
    public sealed record Case(int Groups, int InEach, int OutEach, int Height, int Width, int KernelY, int KernelX, int StrideY, int StrideX, int[] Pads, int Dilation, int Seed);

    private static readonly Gen<Case> Cases =
        from groups in Gen.Elements(1, 1, 1, 2, 3)
        from inEach in Gen.Choose(1, 7)
        from outEach in Gen.Choose(1, 19)
        from height in Gen.Choose(5, 23)
        from width in Gen.Choose(5, 70)
        from kernelY in Gen.Choose(1, 5)
        from kernelX in Gen.Choose(1, 5)
        from strideY in Gen.Choose(1, 3)
        from strideX in Gen.Choose(1, 3)
        from pads in Gen.ArrayOf(Gen.Choose(0, 3), 4)
        from dilation in Gen.Elements(1, 1, 1, 2)
        from seed in Gen.Choose(0, 1 << 30)
        let reach = (dilation * (Math.Max(kernelY, kernelX) - 1)) + 1
        where height >= reach && width >= reach
        select new Case(groups, inEach, outEach, height, width, kernelY, kernelX, strideY, strideX, pads, dilation, seed);

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Equals_the_plain_loops_for_random_shapes(string path) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(150), Prop.ForAll(Arb.From(Cases), c =>
        {
            var x = Tensor.Random(c.Seed, 1, c.Groups * c.InEach, c.Height, c.Width);
            var w = Tensor.Random(c.Seed + 1, c.Groups * c.OutEach, c.InEach, c.KernelY, c.KernelX);
            float[] bias = Tensor.Random(c.Seed + 2, w.Shape[0]).Data;
            var expected = Reference.Conv(x, w, bias, c.StrideY, c.StrideX, c.Pads, [c.Dilation, c.Dilation], c.Groups);
            var actual = Graphs.Run(x, g => g.Conv("image", "y", w.Shape, w.Data, bias, c.StrideY, c.StrideX, c.Pads, c.Groups, c.Dilation), Enum.Parse<SimdPath>(path), threads: 2);
            Assert.Equal(expected.Shape, actual.Shape);
            Tensor.AssertClose(expected, actual);
        }));

    private static readonly Gen<Case> WinogradCases =
        from inEach in Gen.Choose(16, 19)
        from outEach in Gen.Choose(16, 27)
        from height in Gen.Choose(3, 19)
        from width in Gen.Choose(3, 70)
        from pads in Gen.ArrayOf(Gen.Choose(0, 3), 4)
        from seed in Gen.Choose(0, 1 << 30)
        select new Case(1, inEach, outEach, height, width, 3, 3, 1, 1, pads, 1, seed);

    /// <summary>Odd sizes, uneven pads, ragged tiles; with what a residual network fuses.</summary>
    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Winograd_equals_the_plain_loops_for_random_shapes(string path) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(40), Prop.ForAll(Arb.From(WinogradCases), c =>
        {
            var x = Tensor.Random(c.Seed, 1, c.InEach, c.Height, c.Width);
            var w = Tensor.Random(c.Seed + 1, c.OutEach, c.InEach, 3, 3);
            float[] bias = Tensor.Random(c.Seed + 2, c.OutEach).Data;
            var expected = Reference.Conv(x, w, bias, 1, 1, c.Pads, [1, 1], 1);
            bool fused = c.Pads.All(p => p > 0); // then a 1x1 convolution can give something of the same size to add
            var shortcut = Tensor.Random(c.Seed + 3, c.OutEach, c.InEach, 1, 1);
            int[] pads = [.. c.Pads.Select(p => p - 1)];
            if (fused)
            {
                var added = Reference.Conv(x, shortcut, new float[c.OutEach], 1, 1, pads, [1, 1], 1);
                expected = new Tensor(expected.Shape, [.. expected.Data.Zip(added.Data, (a, b) => Math.Max(a + b, 0))]);
            }
            var actual = Graphs.Run(
                x,
                g =>
                {
                    string conv = g.Conv("image", fused ? "conv" : "y", w.Shape, w.Data, bias, 1, 1, c.Pads);
                    if (fused) g.Node("Relu", "y", [g.Node("Add", "sum", [conv, g.Conv("image", "other", shortcut.Shape, shortcut.Data, pads: pads)])]);
                },
                Enum.Parse<SimdPath>(path), 2, out var steps);
            Assert.Contains(steps, s => s.GetType().Name.StartsWith("WinogradProduct", StringComparison.Ordinal));
            Tensor.AssertClose(expected, actual, 2e-5);
        }));

    /// <summary>Long sums (several parts), many rows and panels: where the cutting is.</summary>
    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Equals_the_plain_loops_when_the_sum_is_cut_into_parts(string path)
    {
        var x = Tensor.Random(1, 1, 67, 14, 14);
        var w = Tensor.Random(2, 37, 67, 3, 3);
        float[] bias = Tensor.Random(3, 37).Data;
        var expected = Reference.Conv(x, w, bias, 1, 1, [1, 1, 1, 1], [1, 1], 1);
        Tensor.AssertClose(expected, Graphs.Run(x, g => g.Conv("image", "y", w.Shape, w.Data, bias, pads: [1, 1, 1, 1]), Enum.Parse<SimdPath>(path), threads: 3));
    }

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Fuses_normalisation_residual_and_relu_without_changing_the_result(string path)
    {
        foreach (int outputs in new[] { 8, 21, 2 }) // whole tiles, ragged tiles, direct
        {
            var x = Tensor.Random(outputs, 1, 6, 9, 11);
            var w = Tensor.Random(5, outputs, 6, 3, 3);
            var shortcut = Tensor.Random(6, outputs, 6, 1, 1);
            float[] gamma = Tensor.Random(7, outputs).Data, beta = Tensor.Random(8, outputs).Data, mean = Tensor.Random(9, outputs).Data, variance = [.. Tensor.Random(10, outputs).Data.Select(v => 1.5f + v)];
            var actual = Graphs.Run(
                x,
                g =>
                {
                    string conv = g.Conv("image", "conv", w.Shape, w.Data, null, pads: [1, 1, 1, 1]);
                    string bn = g.Node("BatchNormalization", "bn", [conv, g.Constant("gamma", [outputs], gamma), g.Constant("beta", [outputs], beta), g.Constant("mean", [outputs], mean), g.Constant("variance", [outputs], variance)]);
                    string other = g.Conv("image", "other", shortcut.Shape, shortcut.Data);
                    g.Node("Relu", "y", [g.Node("Add", "sum", [bn, other])]);
                },
                Enum.Parse<SimdPath>(path), 1, out var steps);

            Assert.Equal(2, steps.Count); // two convolutions and nothing else
            var expected = Reference.Conv(x, w, new float[outputs], 1, 1, [1, 1, 1, 1], [1, 1], 1);
            var added = Reference.Conv(x, shortcut, new float[outputs], 1, 1, [0, 0, 0, 0], [1, 1], 1);
            foreach (int[] at in Tensor.Indices(expected.Shape))
            {
                int c = at[1];
                double v = (((expected[c, at[2], at[3]] - mean[c]) / Math.Sqrt(variance[c] + 1e-5)) * gamma[c]) + beta[c] + added[c, at[2], at[3]];
                expected[c, at[2], at[3]] = (float)Math.Max(v, 0);
            }
            Tensor.AssertClose(expected, actual, 2e-5);
        }
    }

    [Fact]
    public void Does_not_fuse_into_a_convolution_whose_result_is_also_read_elsewhere()
    {
        var x = Tensor.Random(1, 1, 3, 6, 6);
        var w = Tensor.Random(2, 5, 3, 1, 1);
        var actual = Graphs.Run(x, g => g.Node("Sub", "y", [g.Node("Relu", "relu", [g.Conv("image", "conv", w.Shape, w.Data)]), "conv"]), SimdPath.Scalar);
        var conv = Reference.Conv(x, w, new float[5], 1, 1, [0, 0, 0, 0], [1, 1], 1);
        Tensor.AssertClose(new Tensor(conv.Shape, [.. conv.Data.Select(v => Math.Max(v, 0) - v)]), actual);
    }

    [Fact]
    public void An_intermediate_result_that_is_also_an_output_is_kept_unfused()
    {
        var builder = new GraphBuilder("test", "image", 3, 4, 4);
        builder.Node("Relu", "y", [builder.Conv("image", "level", [5, 3, 1, 1], Tensor.Random(2, 5, 3, 1, 1).Data)]);
        using var plan = GraphCompiler.Compile(OnnxGraph.Read(builder.Build(), "t"), [1, 3, 4, 4], ["level"], new PooledSource(Output: "y"), KernelSet.For(SimdPath.Scalar), 1);
        var relu = Graphs.Run(plan, Tensor.Random(1, 1, 3, 4, 4));
        float[] level = plan.Levels[0].Output.Data.ToArray();
        Assert.Contains(level, v => v < 0);
        Assert.Equal(level.Select(v => Math.Max(v, 0)), relu.Data);
    }

    [Theory]
    [InlineData("SAME_UPPER", 0, 1)]
    [InlineData("SAME_LOWER", 1, 0)]
    public void Same_padding_puts_the_odd_pixel_where_the_specification_says(string mode, int before, int after)
    {
        var x = Tensor.Random(1, 1, 2, 7, 7); // kernel 2, stride 1: one pixel to pad
        var w = Tensor.Random(2, 4, 2, 2, 2);
        var expected = Reference.Conv(x, w, new float[4], 1, 1, [before, before, after, after], [1, 1], 1);
        var actual = Graphs.Run(x, g => g.Node("Conv", "y", ["image", g.Constant("w", w.Shape, w.Data)], GraphBuilder.Text("auto_pad", mode)), SimdPath.Scalar);
        Tensor.AssertClose(expected, actual);
    }
}
