using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests.Managed;

public class ShapeTests
{
    private static Tensor Run(Tensor x, Action<GraphBuilder> build) => Graphs.Run(x, build, SimdPath.Scalar, threads: 2);

    [Fact]
    public void Reflecting_pad_mirrors_about_the_border_pixel()
    {
        var x = new Tensor([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        float[] expected =
        [
            6, 5, 4, 5, 6, 5,
            3, 2, 1, 2, 3, 2,
            6, 5, 4, 5, 6, 5,
            9, 8, 7, 8, 9, 8,
        ];
        Assert.Equal(expected, Run(x, g => g.PadReflect("image", "y", 1, 2, 0, 1)).Data);
    }

    [Fact]
    public void Constant_and_edge_pads()
    {
        var x = new Tensor([1, 1, 2, 2], [1, 2, 3, 4]);
        Assert.Equal([9, 9, 9, 9, 1, 2, 9, 3, 4], Run(x, g => Pad(g, "constant")).Data);
        Assert.Equal([1, 1, 2, 1, 1, 2, 3, 3, 4], Run(x, g => Pad(g, "edge")).Data);

        static void Pad(GraphBuilder g, string mode) =>
            g.Node("Pad", "y", ["image", g.Constant("pads", [0L, 0, 1, 1, 0, 0, 0, 0]), g.Scalar(9)], GraphBuilder.Text("mode", mode));
    }

    [Fact]
    public void Concat_joins_channels_in_order()
    {
        var x = Tensor.Random(1, 1, 3, 4, 5);
        Assert.Equal([.. x.Data, .. x.Data.Select(v => -v), .. x.Data], Run(x, g => g.Concat("y", "image", g.Node("Mul", "minus", ["image", g.Scalar(-1)]), "image")).Data);
    }

    [Fact]
    public void Reshape_infers_one_dimension_and_flatten_keeps_the_order()
    {
        var x = Tensor.Random(1, 1, 3, 4, 5);
        var y = Run(x, g => g.Node("Reshape", "y", ["image", g.Constant("shape", [0L, -1, 10])]));
        Assert.Equal([1, 6, 10], y.Shape);
        Assert.Equal(x.Data, y.Data);
        var flat = Run(x, g => g.Flatten(g.Node("Relu", "relu", ["image"]), "y"));
        Assert.Equal([1, 60], flat.Shape);
        Assert.Equal(x.Data.Select(v => Math.Max(v, 0)), flat.Data);
    }

    /// <summary>Long chain with a value that lives throughout: were memory shared too eagerly, it would be overwritten.</summary>
    [Fact]
    public void Memory_is_shared_only_by_values_that_do_not_live_at_the_same_time()
    {
        var x = Tensor.Random(1, 1, 2, 8, 8);
        using var plan = Graphs.Compile(x.Shape, g =>
        {
            string kept = g.Node("Abs", "kept", ["image"]), v = "image";
            for (int i = 0; i < 12; i++) v = g.Node("Add", $"v{i}", [v, i % 2 == 0 ? kept : g.Scalar(1)]);
            g.Node("Add", "y", [v, kept]);
        }, SimdPath.Scalar);
        Tensor.AssertClose(new Tensor(x.Shape, [.. x.Data.Select(v => v + (7 * Math.Abs(v)) + 6)]), Graphs.Run(plan, x));
        var places = plan.Steps.Select(s => s.Output.Root).Append(plan.Input).Distinct().ToList();
        unsafe
        {
            Assert.True(places.Select(p => (long)p.Pointer).Distinct().Count() <= 5, "a chain of 14 values needs only a few places");
        }
    }
}
