using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Managed;

internal sealed partial class GraphCompiler
{
    private void Concat(OnnxNode node)
    {
        Value[] inputs = [.. Enumerable.Range(0, node.Inputs.Length).Select(i => Read(node, i))];
        int rank = inputs[0].Shape.Length, axis = node.Int("axis", 1);
        if (axis < -rank || axis >= rank) throw node.Error($"axis {axis} is outside its input's {rank} dimensions");
        if (axis < 0) axis += rank;
        int[] shape = [.. inputs[0].Shape];
        shape[axis] = 0;
        foreach (var input in inputs)
        {
            if (input.Shape.Length != rank || input.Shape.Where((d, i) => i != axis && d != shape[i]).Any()) throw node.Error($"{inputs[0]} and {input} differ in more than dimension {axis}");
            shape[axis] += input.Shape[axis];
        }
        Plan(new Concat(node.Name, inputs, new Value(node.Outputs[0], shape), shape.Take(axis).Aggregate(1, (p, d) => p * d)));
    }

    private void Pad(OnnxNode node)
    {
        var x = Image(node);
        // Pads and value are attributes up to operator set 10, inputs since.
        long[] pads = node.Longs("pads") is { Length: > 0 } attribute ? attribute : ConstantInts(node, 1) ?? throw node.Error("has no pads");
        float value = node.Has("value") ? node.Float("value", 0) : ConstantFloats(node, 2) is { Length: 1 } constant ? constant[0] : 0;
        if (node.Input(3) is not null) throw node.Error("pads for chosen axes only are not supported");
        if (pads.Length != 8 || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0 || pads.Any(p => p is < 0 or > ushort.MaxValue))
            throw node.Error("only height and width can be padded, by 0 or more");
        var mode = node.Text("mode", "constant") switch
        {
            "constant" => PadMode.Constant,
            "reflect" => PadMode.Reflect,
            "edge" => PadMode.Edge,
            var other => throw node.Error($"mode '{other}' is not supported"),
        };
        int height = x.Shape[2], width = x.Shape[3], top = (int)pads[2], left = (int)pads[3], bottom = (int)pads[6], right = (int)pads[7];
        if (mode == PadMode.Reflect && (Math.Max(top, bottom) >= height || Math.Max(left, right) >= width)) throw node.Error("reflects by more than its input holds");
        Plan(new Pad(node.Name, x, new Value(node.Outputs[0], [1, x.Shape[1], height + top + bottom, width + left + right]), top, left, mode, value));
    }

    private void Flatten(OnnxNode node)
    {
        var x = Read(node, 0);
        int axis = node.Int("axis", 1);
        if (axis < 0) axis += x.Shape.Length;
        if (axis < 0 || axis > x.Shape.Length) throw node.Error("its axis is outside the input's dimensions");
        int rows = x.Shape.Take(axis).Aggregate(1, (p, d) => p * d);
        Alias(node, x, [rows, x.Length / rows]);
    }

    private void Reshape(OnnxNode node)
    {
        var x = Read(node, 0);
        long[] target = ConstantInts(node, 1) ?? throw node.Error("has no shape");
        bool zeroCopies = node.Int("allowzero", 0) == 0;
        var shape = new int[target.Length];
        int unknown = -1;
        long known = 1;
        for (int d = 0; d < shape.Length; d++)
        {
            long size = target[d] == 0 && zeroCopies && d < x.Shape.Length ? x.Shape[d] : target[d];
            if (size == -1 && unknown < 0) (unknown, size) = (d, 1);
            if (size < 1 || (known *= size) > x.Length) throw node.Error($"cannot reshape {x} to [{string.Join(", ", target)}]");
            shape[d] = (int)size;
        }
        if (unknown >= 0) shape[unknown] = (int)(x.Length / known);
        if (shape.Aggregate(1L, (p, d) => p * d) != x.Length) throw node.Error($"cannot reshape {x} to [{string.Join(", ", target)}]");
        Alias(node, x, shape);
    }

    private void Identity(OnnxNode node)
    {
        if (node.Input(0) is { } name && !_values.ContainsKey(name) && _constants.TryGetValue(name, out var constant)) _constants[node.Outputs[0]] = constant;
        else Alias(node, Read(node, 0), Read(node, 0).Shape);
    }

    private void Alias(OnnxNode node, Value x, int[] shape) => _values[node.Outputs[0]] = new Value(node.Outputs[0], shape) { AliasOf = x };

    private void Constant(OnnxNode node)
    {
        string name = node.Outputs[0];
        _constants[name] = node.Tensor("value") is { } tensor ? OnnxTensor.Read(tensor, name, _graph.Source)
            : node.Has("value_float") ? new(name, [], [node.Float("value_float", 0)], null)
            : node.Has("value_floats") ? new(name, [node.Floats("value_floats").Length], node.Floats("value_floats"), null)
            : node.Has("value_int") ? new(name, [], null, [node.Int("value_int", 0)])
            : node.Has("value_ints") ? new(name, [node.Longs("value_ints").Length], null, node.Longs("value_ints"))
            : throw node.Error("holds no float32 or int64 value");
    }
}
