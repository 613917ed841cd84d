using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Managed;

internal sealed partial class GraphCompiler
{
    private void Unary<TOp>(OnnxNode node) where TOp : struct, IUnary
    {
        var x = Read(node, 0);
        Plan(_kernels.Unary<TOp>(node.Name, x, new Value(node.Outputs[0], x.Shape), 0, 0));
    }

    private void Clip(OnnxNode node)
    {
        // Bounds are attributes up to operator set 10, inputs since.
        float? Bound(string attribute, int index) =>
            node.Has(attribute) ? node.Float(attribute, 0)
            : ConstantFloats(node, index) is { } bound ? bound.Length == 1 ? bound[0] : throw node.Error($"its bound {attribute} is not a scalar") : null;
        Clamp(node, Bound("min", 1), Bound("max", 2));
    }

    private void Binary<TOp>(OnnxNode node) where TOp : struct, IBinary
    {
        var (a, b) = (Read(node, 0), Read(node, 1));
        int rank = Math.Max(a.Shape.Length, b.Shape.Length);
        var shape = new int[rank];
        for (int d = 1; d <= rank; d++)
        {
            int x = d <= a.Shape.Length ? a.Shape[^d] : 1, y = d <= b.Shape.Length ? b.Shape[^d] : 1;
            if (x != y && x != 1 && y != 1) throw node.Error($"shapes {a} and {b} do not broadcast");
            shape[^d] = x == 1 ? y : x;
        }
        Plan(_kernels.Binary<TOp>(node.Name, a, b, new Value(node.Outputs[0], shape)));
    }

    private void Pool(OnnxNode node)
    {
        var x = Image(node);
        var window = WindowShape.Of(node, x.Shape[2], x.Shape[3]);
        if (window.DilationY != 1 || window.DilationX != 1) throw node.Error("dilated pooling is not supported");
        if (node.Outputs.Length > 1 && node.Outputs[1].Length > 0) throw node.Error("indices of maxima are not supported");
        if (window.PadTop >= window.KernelHeight || window.PadLeft >= window.KernelWidth || window.PadBottom >= window.KernelHeight || window.PadRight >= window.KernelWidth)
            throw node.Error("pads must be smaller than the kernel");
        var output = new Value(node.Outputs[0], [1, x.Shape[1], window.OutHeight, window.OutWidth]);
        Plan(_kernels.Pool(node.Name, x, output, window, average: node.Op == "AveragePool", countPad: node.Int("count_include_pad", 0) != 0));
    }

    private void Reduce(OnnxNode node, bool mean)
    {
        // Axes are an attribute at first, an input since operator set 18.
        long[] axes = node.Longs("axes") is { Length: > 0 } attribute ? attribute : ConstantInts(node, 1) ?? [];
        if (axes.Length == 0 && node.Int("noop_with_empty_axes", 0) != 0) Alias(node, Read(node, 0), Read(node, 0).Shape);
        else Reduce(node, mean, axes, node.Int("keepdims", 1) != 0);
    }

    private void Reduce(OnnxNode node, bool mean, long[] axes, bool keepDims)
    {
        var x = Read(node, 0);
        int rank = x.Shape.Length;
        var reduced = new bool[rank];
        foreach (long axis in axes)
        {
            if (axis < -rank || axis >= rank) throw node.Error($"axis {axis} is outside its input's {rank} dimensions");
            reduced[axis < 0 ? axis + rank : axis] = true;
        }
        if (axes.Length == 0) Array.Fill(reduced, true);
        // Dimensions of size 1 may count as reduced or not, whichever lets the others be neighbours.
        int first = Array.FindIndex(reduced, r => r), last = Array.FindLastIndex(reduced, r => r);
        while (first < last && x.Shape[first] == 1) first++;
        int outer = 1, count = 1, inner = 1;
        for (int d = 0; d < rank; d++)
        {
            if (d < first) outer *= x.Shape[d];
            else if (d > last) inner *= x.Shape[d];
            else if (reduced[d] || x.Shape[d] == 1) count *= x.Shape[d];
            else throw node.Error("only neighbouring dimensions can be reduced together");
        }
        int[] shape = keepDims ? [.. x.Shape.Select((d, i) => reduced[i] ? 1 : d)] : [.. x.Shape.Where((_, i) => !reduced[i])];
        Plan(_kernels.Reduce(node.Name, x, new Value(node.Outputs[0], shape), outer, count, inner, mean));
    }

    private void Gemm(OnnxNode node)
    {
        var x = Read(node, 0);
        if (x.Shape.Length != 2 || node.Int("transA", 0) != 0) throw node.Error("only [N, K] times constant weights is supported");
        float[] weights = ConstantFloats(node, 1) ?? throw node.Error("has no weights");
        int depth = x.Shape[1], outputs = depth == 0 ? 0 : weights.Length / depth;
        int[] shape = _constants.TryGetValue(node.Inputs[1], out var tensor) ? tensor.Shape : _values[node.Inputs[1]].Shape;
        bool transposed = node.Int("transB", 0) != 0;
        if (shape.Length != 2 || shape[transposed ? 1 : 0] != depth) throw node.Error($"weights [{string.Join(", ", shape)}] do not fit its input {x}");
        float alpha = node.Float("alpha", 1), beta = node.Float("beta", 1);
        var rows = new float[weights.Length]; // [outputs][depth]
        for (int o = 0; o < outputs; o++)
            for (int k = 0; k < depth; k++) rows[(o * depth) + k] = alpha * (transposed ? weights[(o * depth) + k] : weights[(k * outputs) + o]);
        float[] c = ConstantFloats(node, 2) ?? [0];
        if (c.Length != 1 && c.Length != outputs) throw node.Error($"has {c.Length} biases for {outputs} outputs");
        float[] bias = [.. Enumerable.Range(0, outputs).Select(o => beta * c[c.Length == 1 ? 0 : o])];
        Plan(_kernels.Linear(node.Name, x, new Value(node.Outputs[0], [x.Shape[0], outputs]), rows, bias));
    }
}
