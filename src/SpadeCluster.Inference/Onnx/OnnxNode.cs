namespace SpadeCluster.Inference.Onnx;

/// <summary>One operator of the graph, with typed access to its attributes.</summary>
internal sealed class OnnxNode(string op, string name, string[] inputs, string[] outputs, IReadOnlyDictionary<string, AttributeProto> attributes)
{
    public string Op { get; } = op;
    public string Name { get; } = name;
    public string[] Inputs { get; } = inputs;
    public string[] Outputs { get; } = outputs;

    /// <summary>The name of optional input <paramref name="index"/>, or null where it is absent.</summary>
    public string? Input(int index) => index < Inputs.Length && Inputs[index].Length > 0 ? Inputs[index] : null;

    public bool Has(string attribute) => attributes.ContainsKey(attribute);
    public int Int(string attribute, int fallback) => attributes.TryGetValue(attribute, out var a) ? Checked(attribute, a.I) : fallback;
    public float Float(string attribute, float fallback) => attributes.TryGetValue(attribute, out var a) ? a.F : fallback;
    public string Text(string attribute, string fallback) => attributes.TryGetValue(attribute, out var a) ? a.S.ToStringUtf8() : fallback;
    public TensorProto? Tensor(string attribute) => attributes.TryGetValue(attribute, out var a) ? a.T : null;
    public float[] Floats(string attribute) => attributes.TryGetValue(attribute, out var a) ? [.. a.Floats] : [];
    public long[] Longs(string attribute) => attributes.TryGetValue(attribute, out var a) ? [.. a.Ints] : [];

    public int[]? Ints(string attribute) =>
        attributes.TryGetValue(attribute, out var a) ? [.. a.Ints.Select(i => Checked(attribute, i))] : null;

    /// <summary>Operator and node name as error messages give them.</summary>
    public override string ToString() => $"{Op} node '{Name}'";

    public SpadeException Error(string message) => new(SpadeError.InvalidArgument, $"{this}: {message}");

    private int Checked(string attribute, long value) =>
        value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Error($"attribute '{attribute}' has the impossible value {value}");
}
