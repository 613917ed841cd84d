using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests.Managed;

public class ElementTests
{
    public sealed record Shapes(int[] Image, int[] Constant, int Seed);

    // The image keeps [1, C, H, W]; the constant may lack leading dimensions or have 1 anywhere.
    private static readonly Gen<Shapes> Broadcasts =
        from c in Gen.Choose(1, 5)
        from h in Gen.Choose(1, 9)
        from w in Gen.Choose(1, 40)
        from rank in Gen.Choose(0, 4)
        from ones in Gen.ArrayOf(Gen.Elements(false, true), 4)
        from imageOnes in Gen.ArrayOf(Gen.Elements(false, false, true), 4)
        from seed in Gen.Choose(0, 1 << 30)
        let full = new[] { 1, c, h, w }
        select new Shapes([.. full.Select((d, i) => imageOnes[i] ? 1 : d)], [.. full.Select((d, i) => ones[i] ? 1 : d).Skip(4 - rank)], seed);

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Binary_operators_broadcast_as_numpy_does(string path)
    {
        (string Op, Func<float, float, float> Apply)[] operators =
        [
            ("Add", (a, b) => a + b), ("Sub", (a, b) => a - b), ("Mul", (a, b) => a * b), ("Div", (a, b) => a / b), ("Pow", MathF.Pow),
        ];
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Arb.From(Broadcasts), s =>
        {
            var (image, constant) = (Positive(Tensor.Random(s.Seed, s.Image)), Positive(Tensor.Random(s.Seed + 1, s.Constant)));
            foreach (var (op, apply) in operators)
                foreach (bool swap in new[] { false, true })
                {
                    var expected = swap ? Reference.Binary(constant, image, apply) : Reference.Binary(image, constant, apply);
                    var actual = Graphs.Run(image, g =>
                    {
                        string k = g.Constant("k", constant.Shape, constant.Data);
                        g.Node(op, "y", swap ? [k, "image"] : ["image", k]);
                    }, Enum.Parse<SimdPath>(path), threads: 2);
                    Assert.Equal(expected.Shape, actual.Shape);
                    Tensor.AssertClose(expected, actual);
                }
        }));
    }

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Unary_operators(string path)
    {
        var x = Tensor.Random(3, 1, 3, 7, 113);
        void Expect(Func<float, float> f, Action<GraphBuilder> build) => Tensor.AssertClose(new Tensor(x.Shape, [.. x.Data.Select(f)]), Graphs.Run(x, build, Enum.Parse<SimdPath>(path), 2), 0);
        Expect(v => Math.Max(v, 0), g => g.Node("Relu", "y", ["image"]));
        Expect(Math.Abs, g => g.Node("Abs", "y", ["image"]));
        Expect(v => MathF.Sqrt(Math.Abs(v)), g => g.Node("Sqrt", "y", [g.Node("Abs", "abs", ["image"])]));
        Expect(v => Math.Clamp(v, -0.25f, 0.5f), g => g.Node("Clip", "y", ["image", g.Scalar(-0.25f), g.Scalar(0.5f)]));
        Expect(v => Math.Min(v, 0.5f), g => g.Node("Clip", "y", ["image", "", g.Scalar(0.5f)]));
        Expect(v => v, g => g.Node("Identity", "y", ["image"]));
        Expect(v => v * 2, g => g.Node("Mul", "y", ["image", g.Node("Sqrt", "two", [g.Scalar(4)])])); // computed when compiled
    }

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Reductions_over_all_axes_some_axes_and_channels(string path)
    {
        var x = Tensor.Random(4, 1, 5, 13, 47);
        foreach (int[] axes in new int[][] { [1, 2, 3], [2, 3], [1], [3], [0, 1, 2, 3] })
            foreach (bool mean in new[] { true, false })
                Tensor.AssertClose(Reference.Reduce(x, axes, mean), Graphs.Run(x, g => g.Reduce(mean ? "ReduceMean" : "ReduceMax", "image", "y", axes), Enum.Parse<SimdPath>(path), 2));
        Tensor.AssertClose(Reference.Reduce(x, [2, 3], true), Graphs.Run(x, g => g.Node("GlobalAveragePool", "y", ["image"]), Enum.Parse<SimdPath>(path)));
    }

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Normalisation_that_cannot_be_folded_is_executed(string path)
    {
        var x = Tensor.Random(4, 1, 3, 5, 21);
        float[] gamma = [1, 2, -3], beta = [0.5f, 0, 1], mean = [0.1f, -0.2f, 0], variance = [1, 4, 0.25f];
        var actual = Graphs.Run(x, g => g.Node("BatchNormalization", "y", ["image", g.Constant("g", [3], gamma), g.Constant("b", [3], beta), g.Constant("m", [3], mean), g.Constant("v", [3], variance)]), Enum.Parse<SimdPath>(path));
        var expected = new Tensor(x.Shape);
        foreach (int[] at in Tensor.Indices(x.Shape)) expected[at[1], at[2], at[3]] = (float)(((x[at[1], at[2], at[3]] - mean[at[1]]) / Math.Sqrt(variance[at[1]] + 1e-5) * gamma[at[1]]) + beta[at[1]]);
        Tensor.AssertClose(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Gemm_in_both_orientations(string path)
    {
        var x = Tensor.Random(1, 1, 2, 5, 7);
        var weights = Tensor.Random(2, 70, 9); // [K][N]
        float[] bias = Tensor.Random(3, 9).Data, expected = new float[9];
        for (int o = 0; o < 9; o++) expected[o] = (float)((0.5 * bias[o]) + (2 * Enumerable.Range(0, 70).Sum(k => (double)x.Data[k] * weights.Data[(k * 9) + o])));
        float[] transposed = [.. Enumerable.Range(0, 9 * 70).Select(i => weights.Data[(i % 70 * 9) + (i / 70)])];
        foreach (bool t in new[] { false, true })
        {
            var actual = Graphs.Run(x, g => g.Node("Gemm", "y", [g.Flatten("image", "flat"), g.Constant("w", t ? [9, 70] : [70, 9], t ? transposed : weights.Data), g.Constant("c", [9], bias)],
                GraphBuilder.Float("alpha", 2), GraphBuilder.Float("beta", 0.5f), GraphBuilder.Int("transB", t ? 1 : 0)), Enum.Parse<SimdPath>(path));
            Tensor.AssertClose(new Tensor([1, 9], expected), actual);
        }
    }

    private static Tensor Positive(Tensor t) => new(t.Shape, [.. t.Data.Select(v => Math.Abs(v) + 0.1f)]);
}
