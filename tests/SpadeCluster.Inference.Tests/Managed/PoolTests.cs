using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests.Managed;

public class PoolTests
{
    public sealed record Case(int Channels, int Height, int Width, int Kernel, int Stride, int Pad, bool Ceil, bool Average, bool CountPad, int Seed);

    private static readonly Gen<Case> Cases =
        from channels in Gen.Choose(1, 4)
        from height in Gen.Choose(4, 20)
        from width in Gen.Choose(4, 40)
        from kernel in Gen.Choose(1, 4)
        from stride in Gen.Choose(1, 4)
        from pad in Gen.Choose(0, kernel / 2)
        from ceil in Gen.Elements(false, true)
        from average in Gen.Elements(false, true)
        from countPad in Gen.Elements(false, true)
        from seed in Gen.Choose(0, 1 << 30)
        select new Case(channels, height, width, kernel, stride, pad, ceil, average, countPad, seed);

    [Theory]
    [MemberData(nameof(Graphs.Paths), MemberType = typeof(Graphs))]
    public void Pools_equal_the_plain_loops_for_random_windows(string path) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(Arb.From(Cases), c =>
        {
            var x = Tensor.Random(c.Seed, 1, c.Channels, c.Height, c.Width);
            var expected = Reference.Pool(x, c.Kernel, c.Stride, c.Pad, c.Ceil, c.Average, c.CountPad);
            var actual = Graphs.Run(x, g => g.Node(c.Average ? "AveragePool" : "MaxPool", "y", ["image"],
                GraphBuilder.Ints("kernel_shape", c.Kernel, c.Kernel), GraphBuilder.Ints("strides", c.Stride, c.Stride), GraphBuilder.Ints("pads", c.Pad, c.Pad, c.Pad, c.Pad),
                GraphBuilder.Int("ceil_mode", c.Ceil ? 1 : 0), GraphBuilder.Int("count_include_pad", c.CountPad ? 1 : 0)), Enum.Parse<SimdPath>(path), threads: 2);
            Assert.Equal(expected.Shape, actual.Shape);
            Tensor.AssertClose(expected, actual);
        }));

    /// <summary>The published ResNet-50 of the Caffe release depends on this size.</summary>
    [Fact]
    public void Ceil_mode_rounds_the_size_up()
    {
        var x = Tensor.Random(1, 1, 1, 112, 112);
        Assert.Equal([1, 1, 56, 56], Graphs.Run(x, g => g.MaxPool("image", "y", 3, 2, [0, 0, 0, 0], ceil: true), SimdPath.Scalar).Shape);
        Assert.Equal([1, 1, 55, 55], Graphs.Run(x, g => g.MaxPool("image", "y", 3, 2, [0, 0, 0, 0], ceil: false), SimdPath.Scalar).Shape);
    }
}
