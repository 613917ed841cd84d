using System.Runtime.InteropServices;
using Google.Protobuf;

namespace SpadeCluster.Inference.Onnx;

/// <summary>
/// A network with its convolutions in 8-bit integers, expressed by ONNX operators: every tensor that a convolution, an addition or a
/// maximum reads passes QuantizeLinear and DequantizeLinear (u8, one scale per tensor), and weights are stored as s8 with a scale for each
/// output channel. A runtime fuses these pairs into integer kernels. Levels and the pooled feature are float32 sums that were not rounded
/// to 8 bits.
/// </summary>
internal sealed class QuantisedNetwork
{
    private const int Float = 1, UInt8 = 2, Int8 = 3, Int32 = 6; // ONNX data types
    private const int OldestOpset = 13; // scales by channel
    private readonly ModelProto _proto;
    private readonly Dictionary<string, TensorProto> _weights;

    /// <exception cref="SpadeException">InvalidArgument: not a readable network, of an older operator set, or without
    /// convolutions.</exception>
    public QuantisedNetwork(InferenceModel model)
    {
        _proto = RuntimeNetwork.Parse(model.Network, model.Source);
        long opset = _proto.OpsetImport.First(o => o.Domain is "" or "ai.onnx").Version;
        if (opset < OldestOpset) throw new SpadeException(SpadeError.InvalidArgument,
            $"{model.Source} uses ONNX operator set {opset}; int8 takes {OldestOpset} or later, export it again");
        _weights = _proto.Graph.Initializer.Where(t => t.DataType == Float && t.RawData.Length > 0).ToDictionary(t => t.Name);
        Read = [.. _proto.Graph.Node.SelectMany(Activations).Distinct()];
        if (!_proto.Graph.Node.Any(IsQuantised)) throw new SpadeException(SpadeError.InvalidArgument,
            $"{model.Source} has no convolution with constant weights: int8 would change nothing");
    }

    /// <summary>The tensors to be quantised; <see cref="Quantise"/> needs their ranges.</summary>
    public IReadOnlyList<string> Read { get; }

    /// <summary>The float network with <see cref="Read"/> as its outputs, for measuring their ranges.</summary>
    public byte[] Observed()
    {
        var proto = _proto.Clone();
        proto.Graph.Output.Clear();
        foreach (string name in Read.Where(n => proto.Graph.Input.All(i => i.Name != n)))
            proto.Graph.Output.Add(new ValueInfoProto
            {
                Name = name,
                Type =
                new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = Float } }
            });
        return proto.ToByteArray();
    }

    /// <param name="ranges">Smallest and largest value of each tensor of <see cref="Read"/>.</param>
    public byte[] Quantise(IReadOnlyDictionary<string, (float Low, float High)> ranges)
    {
        var proto = _proto.Clone();
        var graph = proto.Graph;
        NodeProto[] nodes = [.. graph.Node];
        graph.Node.Clear();
        var scales = new Dictionary<string, float>();
        foreach (var input in graph.Input.Where(i => Read.Contains(i.Name))) scales[input.Name] =
            AddPair(graph, input.Name, ranges[input.Name]);
        foreach (var node in nodes)
        {
            string[] activations = [.. Activations(node)];
            for (int i = 0; i < activations.Length; i++) node.Input[i] = Dequantised(activations[i]);
            if (IsQuantised(node)) QuantiseWeights(graph, node, scales[activations[0]]);
            graph.Node.Add(node);
            foreach (string output in node.Output.Where(Read.Contains)) scales[output] = AddPair(graph, output, ranges[output]);
        }
        var read = graph.Node.SelectMany(n => n.Input).ToHashSet();
        for (int i = graph.Initializer.Count - 1; i >= 0; i--)
            if (!read.Contains(graph.Initializer[i].Name)) graph.Initializer.RemoveAt(i);
        return proto.ToByteArray();
    }

    private bool IsQuantised(NodeProto node) =>
        node.OpType == "Conv" && _weights.ContainsKey(node.Input[1])
            && (node.Input.Count < 3 || node.Input[2].Length == 0 || _weights.ContainsKey(node.Input[2]));

    /// <summary>The inputs of a node that are quantised; they are its first inputs.</summary>
    private IEnumerable<string> Activations(NodeProto node) =>
        node.OpType == "MaxPool" || IsQuantised(node) ? node.Input.Take(1)
        : node.OpType == "Add" && !node.Input.Any(_weights.ContainsKey) ? node.Input.Take(2) : [];

    private static string Dequantised(string name) => $"{name}.float";

    /// <summary>Quantises a tensor and converts it back; returns the scale. 0 must stay exact for padding and Relu.</summary>
    private static float AddPair(GraphProto graph, string name, (float Low, float High) range)
    {
        float low = Math.Min(range.Low, 0), high = Math.Max(range.High, 0), scale = Math.Max((high - low) / 255, float.Epsilon * (1 << 20));
        byte zero = (byte)Math.Clamp(MathF.Round(-low / scale), 0, 255);
        Store<float>(graph, $"{name}.scale", Float, [], [scale]);
        Store<byte>(graph, $"{name}.zero", UInt8, [], [zero]);
        graph.Node.Add(new NodeProto
        {
            OpType = "QuantizeLinear",
            Name = $"{name}.quantise",
            Input =
            { name, $"{name}.scale", $"{name}.zero" },
            Output = { $"{name}.u8" }
        });
        graph.Node.Add(new NodeProto
        {
            OpType = "DequantizeLinear",
            Name = $"{name}.dequantise",
            Input =
            { $"{name}.u8", $"{name}.scale", $"{name}.zero" },
            Output = { Dequantised(name) }
        });
        return scale;
    }

    private void QuantiseWeights(GraphProto graph, NodeProto node, float inputScale)
    {
        var tensor = _weights[node.Input[1]];
        int outputs = (int)tensor.Dims[0];
        var values = Values(tensor);
        int each = values.Length / outputs;
        var whole = new sbyte[values.Length];
        var scales = new float[outputs];
        for (int o = 0; o < outputs; o++)
        {
            var row = values.AsSpan(o * each, each);
            scales[o] = Math.Max(row.ToArray().Max(Math.Abs) / 127, 1e-12f);
            for (int k = 0; k < each; k++) whole[(o * each) + k] = (sbyte)MathF.Round(row[k] / scales[o]);
        }
        node.Input[1] = AddConstant<sbyte>(graph, $"{node.Output[0]}.weights.int8", Int8, [.. tensor.Dims], whole, scales);
        if (node.Input.Count < 3 || node.Input[2].Length == 0) return;
        // A convolution's sums, and therefore its bias, have the scale input * weights.
        float[] sums = [.. scales.Select(s => s * inputScale)];
        int[] bias = [.. Values(_weights[node.Input[2]]).Select((b, o)
            => (int)Math.Clamp(Math.Round(b / (double)sums[o]), int.MinValue, int.MaxValue))];
        node.Input[2] = AddConstant<int>(graph, $"{node.Output[0]}.bias.int32", Int32, [outputs], bias, sums);
    }

    private static float[] Values(TensorProto tensor) => MemoryMarshal.Cast<byte, float>(tensor.RawData.Span).ToArray();

    /// <summary>Integers with a scale for each of the first dimension's elements; returns the name of their float values.</summary>
    private static string AddConstant<T>(GraphProto graph, string name, int type, long[] dims, T[] values, float[] scales) where T
        : unmanaged
    {
        Store(graph, name, type, dims, values);
        Store(graph, $"{name}.scale", Float, [scales.Length], scales);
        Store(graph, $"{name}.zero", type, [scales.Length], new T[scales.Length]);
        graph.Node.Add(new NodeProto
        {
            OpType = "DequantizeLinear",
            Name = $"{name}.dequantise",
            Input =
            { name, $"{name}.scale", $"{name}.zero" },
            Output = { Dequantised(name) },
            Attribute = { GraphBuilder.Int("axis", 0) }
        });
        return Dequantised(name);
    }

    private static void Store<T>(GraphProto graph, string name, int type, long[] dims, T[] values) where T : unmanaged =>
        graph.Initializer.Add(new TensorProto
        {
            Name = name,
            DataType = type,
            Dims = { dims },
            RawData =
            ByteString.CopyFrom(MemoryMarshal.AsBytes<T>(values))
        });
}
