namespace SpadeCluster.Inference.Tests.Managed;

/// <summary>A plain tensor for the reference implementations.</summary>
internal sealed record Tensor(int[] Shape, float[] Data)
{
    public Tensor(params int[] shape) : this(shape, new float[shape.Aggregate(1, (p, d) => p * d)]) { }

    public static Tensor Random(int seed, params int[] shape)
    {
        var random = new Random(seed);
        var t = new Tensor(shape);
        for (int i = 0; i < t.Data.Length; i++) t.Data[i] = (float)((random.NextDouble() * 2) - 1);
        return t;
    }

    public ref float this[int c, int y, int x] => ref Data[(((c * Shape[2]) + y) * Shape[3]) + x];

    /// <summary>The element at a multi-index, dimensions of size 1 repeated and missing leading ones ignored (broadcasting).</summary>
    public float Broadcast(int[] index)
    {
        int at = 0;
        for (int d = 0; d < Shape.Length; d++)
        {
            int i = index[index.Length - Shape.Length + d];
            at = (at * Shape[d]) + (Shape[d] == 1 ? 0 : i);
        }
        return Data[at];
    }

    /// <summary>All multi-indices of a shape, last dimension fastest.</summary>
    public static IEnumerable<int[]> Indices(int[] shape)
    {
        int count = shape.Aggregate(1, (p, d) => p * d);
        for (int i = 0; i < count; i++)
        {
            var index = new int[shape.Length];
            for (int d = shape.Length - 1, rest = i; d >= 0; d--) (rest, index[d]) = Math.DivRem(rest, shape[d]);
            yield return index;
        }
    }

    public static void AssertClose(Tensor expected, Tensor actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Shape.Aggregate(1, (p, d) => p * d), actual.Data.Length);
        for (int i = 0; i < expected.Data.Length; i++)
            Assert.True(Math.Abs(expected.Data[i] - actual.Data[i]) <= tolerance * (1 + Math.Abs(expected.Data[i])), $"element {i} of [{string.Join(",", expected.Shape)}]: expected {expected.Data[i]}, got {actual.Data[i]}");
    }
}
