using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Turns an ONNX graph into an <see cref="ExecutionPlan"/> for one image: drops what no wanted output needs, infers
/// shapes, computes constants, and fuses batch normalisation, residual addition and clamping into convolutions.
/// </summary>
internal sealed partial class GraphCompiler
{
    /// <summary>A step to be; convolutions stay open so that what follows them can be fused in.</summary>
    private sealed class Planned
    {
        public ConvolutionSpec? Convolution { get; set; }
        public Step? Step { get; init; }
    }

    private readonly OnnxGraph _graph;
    private readonly KernelSet _kernels;
    private readonly int _threads;
    private readonly Dictionary<string, Value> _values = [];
    private readonly Dictionary<string, OnnxTensor> _constants;
    private readonly Dictionary<string, int> _uses = [];
    private readonly List<Planned> _plan = [];
    private readonly Dictionary<Value, Planned> _convolutions = [];

    private GraphCompiler(OnnxGraph graph, KernelSet kernels, int threads) =>
        (_graph, _kernels, _threads, _constants) = (graph, kernels, threads, new(graph.Constants));

    /// <param name="inputShape">[1, channels, height, width].</param>
    /// <param name="levels">Outputs that become <see cref="ExecutionPlan.Levels"/>.</param>
    public static ExecutionPlan Compile(OnnxGraph graph, int[] inputShape, IReadOnlyList<string> levels, PooledSource pooled, KernelSet kernels, int threads) =>
        new GraphCompiler(graph, kernels, threads).Compile(inputShape, levels, pooled);

    private ExecutionPlan Compile(int[] inputShape, IReadOnlyList<string> levelNames, PooledSource pooledSource)
    {
        CheckInput(inputShape);
        var nodes = Needed(pooledSource.Output is { } p ? [.. levelNames, p] : [.. levelNames]);
        var input = new Value(_graph.Input, inputShape);
        _values[_graph.Input] = input;
        foreach (var node in nodes) Add(node);

        var levels = levelNames.Select(Level).ToList();
        Value pooled;
        if (pooledSource.MeanOf is { } meanOf)
        {
            var level = _values[meanOf];
            pooled = new Value("pooled", [1, level.Shape[1]]);
            Plan(_kernels.Reduce("pooled", level, pooled, level.Shape[1], level.Shape[2] * level.Shape[3], 1, mean: true));
        }
        else
        {
            pooled = _values[pooledSource.Output!];
        }
        List<Step> steps = [.. _plan.SelectMany(s => s.Step is { } step ? [step] : _kernels.Convolution(s.Convolution!, _threads))];
        var outputs = levels.Select(l => new ToPixels(l)).ToList();
        steps.AddRange(outputs);
        return new(steps, input, outputs, pooled, MemoryPlan.Lay(steps, input, [pooled]));
    }

    private void CheckInput(int[] shape)
    {
        int?[] declared = _graph.InputShape;
        if (declared.Length != 4) throw Bad($"input '{_graph.Input}' must have the dimensions [N, 3, height, width]");
        for (int d = 0; d < 4; d++)
            if (declared[d] is { } size && size > 0 && size != shape[d])
                throw Bad(d == 0
                    ? $"the network was exported for batches of {size}; export it for batches of 1 or of any size"
                    : $"dimension {d} of input '{_graph.Input}' is {size} but the manifest asks for {shape[d]}");
    }

    /// <summary>The nodes the wanted outputs depend on, in the file's order; counts how often each value is read.</summary>
    private List<OnnxNode> Needed(string[] wanted)
    {
        var producers = new Dictionary<string, OnnxNode>();
        foreach (var node in _graph.Nodes)
            foreach (string output in node.Outputs)
                if (output.Length > 0 && !producers.TryAdd(output, node)) throw Bad($"two nodes write '{output}'");
        var needed = new HashSet<OnnxNode>();
        var open = new Stack<string>();
        foreach (string output in wanted)
        {
            if (!producers.ContainsKey(output)) throw Bad($"the manifest names the output '{output}', which the graph does not compute (its outputs: {string.Join(", ", _graph.Outputs)})");
            _uses[output] = 1;
            open.Push(output);
        }
        while (open.TryPop(out string? name))
        {
            if (!producers.TryGetValue(name, out var node) || !needed.Add(node)) continue;
            foreach (string input in node.Inputs.Where(i => i.Length > 0))
            {
                _uses[input] = _uses.GetValueOrDefault(input) + 1;
                open.Push(input);
            }
        }
        return [.. _graph.Nodes.Where(needed.Contains)];
    }

    private Value Level(string name)
    {
        var value = _values[name];
        if (value.Shape.Length != 4) throw Bad($"level '{name}' has the shape [{string.Join(", ", value.Shape)}]; levels are [N, channels, height, width]");
        return value;
    }

    private void Add(OnnxNode node)
    {
        switch (node.Op)
        {
            case "Conv": Convolution(node); break;
            case "BatchNormalization": Normalisation(node); break;
            case "Relu": Clamp(node, 0, null); break;
            case "Clip": Clip(node); break;
            case "Abs": Unary<AbsOp>(node); break;
            case "Sqrt": Unary<SqrtOp>(node); break;
            case "Add": if (!FuseResidual(node)) Binary<AddOp>(node); break;
            case "Sub": Binary<SubOp>(node); break;
            case "Mul": Binary<MulOp>(node); break;
            case "Div": Binary<DivOp>(node); break;
            case "Pow": Binary<PowOp>(node); break;
            case "MaxPool" or "AveragePool": Pool(node); break;
            case "GlobalAveragePool": Reduce(node, mean: true, [2, 3], keepDims: true); break;
            case "ReduceMean": Reduce(node, mean: true); break;
            case "ReduceMax": Reduce(node, mean: false); break;
            case "Concat": Concat(node); break;
            case "Gemm": Gemm(node); break;
            case "Pad": Pad(node); break;
            case "Flatten": Flatten(node); break;
            case "Reshape": Reshape(node); break;
            case "Identity": Identity(node); break;
            case "Constant": Constant(node); break;
            default: throw new SpadeException(SpadeError.InvalidArgument, $"{_graph.Source}: operator {node.Op} (node '{node.Name}') is not supported by the managed extractor");
        }
    }

    /// <summary>Takes a step into the plan, or runs it now if all it reads is constant.</summary>
    private unsafe void Plan(Step step)
    {
        _values[step.Output.Name] = step.Output;
        if (!step.Inputs.All(i => i.IsConstant))
        {
            _plan.Add(new Planned { Step = step });
            return;
        }
        step.Output.Constant = new NativeBuffer(step.Output.Length);
        step.Output.Pointer = step.Output.Constant.Pointer;
        using var scratch = new NativeBuffer(step.ScratchFloats);
        for (int task = 0; task < step.Tasks; task++) step.Run(task, scratch.Pointer);
    }

    /// <summary>The float value an operator reads.</summary>
    private Value Read(OnnxNode node, int index)
    {
        string name = node.Input(index) ?? throw node.Error($"input {index} is missing");
        if (_values.TryGetValue(name, out var value)) return value;
        if (!_constants.TryGetValue(name, out var constant)) throw node.Error($"reads '{name}', which nothing before it computes");
        float[] floats = constant.Floats ?? throw node.Error($"reads '{name}', which holds integers where float32 is needed");
        return _values[name] = Value.OfConstant(name, constant.Shape, floats);
    }

    private Value Image(OnnxNode node)
    {
        var x = Read(node, 0);
        return x.Shape.Length == 4 ? x : throw node.Error($"its input has {x.Shape.Length} dimensions; [N, C, H, W] is needed");
    }

    /// <summary>A constant float input, such as weights; null where it is absent.</summary>
    private float[]? ConstantFloats(OnnxNode node, int index)
    {
        if (node.Input(index) is not { } name) return null;
        if (_constants.TryGetValue(name, out var tensor) && tensor.Floats is { } floats) return floats;
        if (_values.TryGetValue(name, out var value) && value.IsConstant) return value.Data.ToArray();
        throw node.Error($"input '{name}' must be a float32 constant");
    }

    private long[]? ConstantInts(OnnxNode node, int index)
    {
        if (node.Input(index) is not { } name) return null;
        return _constants.TryGetValue(name, out var tensor) && tensor.Ints is { } ints ? ints : throw node.Error($"input '{name}' must be an int64 constant");
    }

    private SpadeException Bad(string message) => new(SpadeError.InvalidArgument, $"{_graph.Source}: {message}");
}
