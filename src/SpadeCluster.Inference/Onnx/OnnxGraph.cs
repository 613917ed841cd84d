using Google.Protobuf;

namespace SpadeCluster.Inference.Onnx;

/// <summary>A checked ONNX graph: one image input, constants decoded, nodes in the file's (topological) order.</summary>
internal sealed record OnnxGraph(
    string Source, int Opset, string Input, int?[] InputShape, IReadOnlyDictionary<string, OnnxTensor> Constants, IReadOnlyList<OnnxNode> Nodes, IReadOnlyList<string> Outputs)
{
    public const int OldestOpset = 7, NewestOpset = 21;

    /// <param name="source">How messages call the model, such as its path.</param>
    public static OnnxGraph Read(ReadOnlyMemory<byte> bytes, string source)
    {
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{source} is not a readable ONNX model (damaged or truncated: {e.Message})", e);
        }
        if (model.Graph is null || model.Graph.Node.Count == 0)
            throw Bad($"{source} holds no ONNX graph; is it really an ONNX model?");
        var opset = model.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx") ?? throw Bad($"{source} names no ONNX operator set");
        if (opset.Version is < OldestOpset or > NewestOpset)
            throw Bad($"{source} uses ONNX operator set {opset.Version}; {OldestOpset} to {NewestOpset} are supported, export it again with one of these");

        var constants = new Dictionary<string, OnnxTensor>();
        foreach (var tensor in model.Graph.Initializer) constants[tensor.Name] = OnnxTensor.Read(tensor, tensor.Name, source);
        var inputs = model.Graph.Input.Where(i => !constants.ContainsKey(i.Name)).ToList(); // old files list weights as inputs too
        if (inputs.Count != 1) throw Bad($"{source} has {inputs.Count} inputs ({string.Join(", ", inputs.Select(i => i.Name))}); one image input is expected");
        var shape = inputs[0].Type?.TensorType?.Shape?.Dim.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue ? (int?)checked((int)Math.Clamp(d.DimValue, -1, int.MaxValue)) : null).ToArray() ?? [];
        return new(source, (int)opset.Version, inputs[0].Name, shape, constants, ReadNodes(model.Graph, source), [.. model.Graph.Output.Select(o => o.Name)]);
    }

    private static List<OnnxNode> ReadNodes(GraphProto graph, string source)
    {
        var nodes = new List<OnnxNode>(graph.Node.Count);
        foreach (var proto in graph.Node)
        {
            string name = proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault() ?? "";
            if (proto.Domain is not ("" or "ai.onnx"))
                throw Bad($"{source}: {proto.OpType} node '{name}' comes from the operator domain '{proto.Domain}', which is not supported");
            if (proto.Output.Count == 0 || proto.Output[0].Length == 0) throw Bad($"{source}: {proto.OpType} node '{name}' has no output");
            var attributes = new Dictionary<string, AttributeProto>();
            foreach (var a in proto.Attribute) attributes[a.Name] = a;
            nodes.Add(new(proto.OpType, name, [.. proto.Input], [.. proto.Output], attributes));
        }
        return nodes;
    }

    private static SpadeException Bad(string message) => new(SpadeError.InvalidArgument, message);
}
