using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Managed;

internal sealed partial class GraphCompiler
{
    private void Convolution(OnnxNode node)
    {
        var x = Image(node);
        float[] weights = ConstantFloats(node, 1) ?? throw node.Error("has no weights");
        int[] shape = _constants.TryGetValue(node.Inputs[1], out var tensor) ? tensor.Shape : _values[node.Inputs[1]].Shape;
        if (shape.Length != 4) throw node.Error($"its weights have {shape.Length} dimensions; 4 (a 2-D convolution) are needed");
        int groups = node.Int("group", 1), channels = x.Shape[1], outputs = shape[0];
        if (groups < 1 || channels % groups != 0 || outputs % groups != 0 || shape[1] != channels / groups)
            throw node.Error($"weights [{string.Join(", ", shape)}] do not fit {channels} input channels in {groups} group(s)");
        if (node.Ints("kernel_shape") is { } kernel && !kernel.AsSpan().SequenceEqual(shape.AsSpan(2))) throw node.Error("kernel_shape differs from the weights");
        float[] bias = ConstantFloats(node, 2) ?? new float[outputs];
        if (bias.Length != outputs) throw node.Error($"has {bias.Length} biases for {outputs} output channels");
        var window = WindowShape.Of(node, x.Shape[2], x.Shape[3], [shape[2], shape[3]]);
        var output = new Value(node.Outputs[0], [1, outputs, window.OutHeight, window.OutWidth]);
        Open(new(node.Name, x, output, null, window, channels, outputs, groups, weights, bias, null, null));
    }

    private void Open(ConvolutionSpec spec)
    {
        var planned = new Planned { Convolution = spec };
        _plan.Add(planned);
        _convolutions[spec.Output] = planned;
        _values[spec.Output.Name] = spec.Output;
    }

    /// <summary>The convolution that computes <paramref name="value"/>, if only the current node reads it.</summary>
    private ConvolutionSpec? OnlyReaderOf(Value value) =>
        _uses[value.Name] == 1 && _convolutions.TryGetValue(value, out var planned) ? planned.Convolution : null;

    /// <summary>Moves a convolution to the end of the plan with more fused into it: what it reads now exists by then.</summary>
    private void Extend(ConvolutionSpec spec, ConvolutionSpec extended)
    {
        _plan.Remove(_convolutions[spec.Output]);
        _convolutions.Remove(spec.Output);
        Open(extended);
    }

    private void Normalisation(OnnxNode node)
    {
        if (node.Int("training_mode", 0) != 0) throw node.Error("is in training mode; export the model for inference");
        var x = Read(node, 0);
        if (x.Shape.Length < 2) throw node.Error("its input has no channels");
        int channels = x.Shape[1];
        float[] Parameter(int index, string name) => ConstantFloats(node, index) is { } values && values.Length == channels ? values : throw node.Error($"{name} must hold {channels} values");
        var (scale, shift) = BatchNormalisation.Affine(Parameter(1, "scale"), Parameter(2, "bias"), Parameter(3, "mean"), Parameter(4, "variance"), node.Float("epsilon", 1e-5f));
        var output = new Value(node.Outputs[0], x.Shape);
        if (OnlyReaderOf(x) is { Residual: null, Low: null, High: null } conv)
        {
            var (weights, bias) = BatchNormalisation.Fold(conv.Weights, conv.Bias, scale, shift);
            Extend(conv, conv with { Output = output, Weights = weights, Bias = bias });
        }
        else
        {
            Plan(_kernels.ChannelAffine(node.Name, x, output, scale, shift));
        }
    }

    private void Clamp(OnnxNode node, float? low, float? high)
    {
        var x = Read(node, 0);
        var output = new Value(node.Outputs[0], x.Shape);
        if (OnlyReaderOf(x) is { Low: null, High: null } conv) Extend(conv, conv with { Output = output, Low = low, High = high });
        else Plan(_kernels.Unary<ClampOp>(node.Name, x, output, low ?? float.NegativeInfinity, high ?? float.PositiveInfinity));
    }

    /// <summary>Add of two like tensors, one of them a convolution's only use: the convolution adds the other one itself.</summary>
    private bool FuseResidual(OnnxNode node)
    {
        var (a, b) = (Read(node, 0), Read(node, 1));
        if (!a.Shape.AsSpan().SequenceEqual(b.Shape) || a == b || a.IsConstant || b.IsConstant) return false;
        foreach (var (x, other) in new[] { (a, b), (b, a) })
        {
            if (OnlyReaderOf(x) is not { Residual: null, Low: null, High: null } conv) continue;
            Extend(conv, conv with { Output = new Value(node.Outputs[0], x.Shape), Residual = other });
            return true;
        }
        return false;
    }
}
