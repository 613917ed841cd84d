using System.Numerics;
using System.Runtime.InteropServices;
using Google.Protobuf;
using SpadeCluster.Features;

namespace SpadeCluster.Inference.Onnx;

/// <summary>
/// A model's network rewritten for ONNX Runtime. Its input is a float32 image [N, 3, H, W]; its outputs are the levels as [N, H, W, C],
/// which is the order in galleries, and the pooled feature as [N, C] float32. Nodes that no output needs are removed.
/// </summary>
/// <param name="Bytes">The rewritten ONNX model; null if it is in a file.</param>
/// <param name="Levels">Names of the level outputs, finest first.</param>
/// <param name="SingleImage">The network was exported for batches of 1.</param>
/// <param name="File">The file of the rewritten model after ONNX Runtime has optimised it; null if it has not.</param>
internal sealed record RuntimeNetwork(byte[]? Bytes, string Input, IReadOnlyList<string> Levels, string Pooled, bool SingleImage,
    string? File = null)
{
    public const int OldestOpset = 7, NewestOpset = 23;

    private const string Prefix = "spade.", InputName = $"{Prefix}image", PooledName = $"{Prefix}pooled";
    private const int OldestTokenOpset = 10; // slices by inputs
    private const int Float = 1, Int64 = 7, Half = 10, Double = 11; // ONNX data types

    /// <param name="halfLevels">Levels as float16 instead of float32.</param>
    /// <exception cref="SpadeException">InvalidArgument: damaged, of an unknown operator set, without the outputs that the
    /// manifest names, for another input size, or with NaN or infinite weights.</exception>
    public static RuntimeNetwork Of(InferenceModel model, bool halfLevels)
    {
        var (manifest, source) = (model.Manifest, model.Source);
        var proto = Parse(model.Network, source);
        var graph = proto.Graph;
        foreach (var tensor in graph.Initializer) CheckWeights(tensor, source);
        foreach (var tensor in graph.Node.SelectMany(n => n.Attribute).Where(a => a.T is not null).Select(a
            => a.T)) CheckWeights(tensor, source);

        string[] wanted = [.. manifest.Levels, manifest.Pooled.Output ?? manifest.Pooled.MeanOf ?? manifest.Pooled.ClassOf!];
        var produced = graph.Node.SelectMany(n => n.Output).ToHashSet();
        foreach (string name in wanted)
            if (!produced.Contains(name)) throw Bad($"{source} has no output '{name}', which model.json names; it has " +
                $"{string.Join(", ", graph.Output.Select(o => $"'{o.Name}'"))}");

        if (manifest.Tokens is not null && Opset(proto).Version < OldestTokenOpset)
            throw Bad($"{source} uses ONNX operator set {Opset(proto).Version}; tokens take {OldestTokenOpset} or later, export it again");
        Prune(graph, wanted);
        bool single = AdaptInput(graph, manifest, source, out string input);
        graph.Output.Clear();
        var levels = manifest.Levels.Select((name, i) =>
        {
            string level = Add(graph, "Cast", [name], $"{Prefix}float{i + 1}", GraphBuilder.Int("to", Float));
            if (manifest.Tokens is not null) level = Grid(graph, level, $"{Prefix}grid{i + 1}", manifest);
            if (manifest.Aggregate > 1) level = Average(graph, level, $"{Prefix}aggregate{i + 1}", manifest.Aggregate);
            if (manifest.LevelScales is { } scales) level = Scale(graph, level, $"{Prefix}scale{i + 1}", scales[i]);
            if (halfLevels) level = Add(graph, "Cast", [level], $"{Prefix}half{i + 1}", GraphBuilder.Int("to", Half));
            return Output(graph, Add(graph, "Transpose", [level], LevelName(i), GraphBuilder.Ints("perm", 0, 2, 3, 1)),
                halfLevels ? Half : Float, rank: 4);
        }).ToArray();
        string pooled = Add(graph, "Cast", [wanted[^1]], $"{Prefix}pooled.float", GraphBuilder.Int("to", Float));
        if (manifest.Pooled.ClassOf is not null) pooled = Token(graph, pooled, $"{Prefix}pooled.class");
        else if (manifest is { Tokens: not null, Pooled.MeanOf: not null }) pooled = Grid(graph, pooled, $"{Prefix}pooled.grid", manifest);
        if (manifest.Pooled.MeanOf is not null) pooled = Add(graph, "GlobalAveragePool", [pooled], $"{Prefix}pooled.mean");
        pooled = Output(graph, Add(graph, "Flatten", [pooled], PooledName, GraphBuilder.Int("axis", 1)), Float, rank: 2);
        return new(proto.ToByteArray(), input, levels, pooled, single);
    }

    /// <exception cref="SpadeException">As for <see cref="Of"/>: the model cannot be rewritten.</exception>
    public static void Check(InferenceModel model) => Of(model, halfLevels: false);

    /// <summary>What <see cref="Of"/> has made of a model and ONNX Runtime has optimised and stored. For the CPU.</summary>
    public static RuntimeNetwork FromCache(string file, ModelManifest manifest)
        => new(null, InputName, [.. manifest.Levels.Select((_, i) => LevelName(i))], PooledName, SingleImage: false, file);

    private static string LevelName(int level) => $"{Prefix}level{level + 1}";

    internal static ModelProto Parse(ReadOnlyMemory<byte> bytes, string source)
    {
        ModelProto proto;
        try
        {
            proto = ModelFile.Parse(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{source} is not a readable ONNX model (damaged or truncated: {e.Message})", e);
        }
        if (proto.Graph is null || proto.Graph.Node.Count == 0) throw Bad($"{source} holds no ONNX graph; is it really an ONNX model?");
        var opset = Opset(proto) ?? throw Bad($"{source} names no ONNX operator set");
        if (opset.Version is < OldestOpset or > NewestOpset)
            throw Bad($"{source} uses ONNX operator set {opset.Version}; {OldestOpset} to {NewestOpset} are supported, export it again " +
                $"with one of these");
        return proto;
    }

    private static OperatorSetIdProto Opset(ModelProto proto) => proto.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx")!;

    private static void CheckWeights(TensorProto tensor, string source)
    {
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External)
            throw Bad($"tensor '{tensor.Name}' of {source} keeps its data in another file; export the model with its weights inside");
        var raw = tensor.RawData.Span;
        int width = tensor.DataType switch { Float => 4, Half => 2, Double => 8, _ => 1 };
        if (raw.Length % width != 0) throw Bad($"tensor '{tensor.Name}' of {source} holds {raw.Length} bytes, which is no whole number " +
            $"of values; the file is damaged");
        bool finite = tensor.DataType switch
        {
            Float => AllFinite(MemoryMarshal.Cast<byte, float>(raw)) && AllFinite(UnsafeCollectionOperations.AsSpan(tensor.FloatData)),
            Half => HalfConversion.AllFinite(MemoryMarshal.Cast<byte, System.Half>(raw)),
            Double => AllFinite(MemoryMarshal.Cast<byte, double>(raw)),
            _ => true,
        };
        if (!finite) throw Bad($"tensor '{tensor.Name}' of {source} holds NaN or infinite weights");
    }

    private static bool AllFinite<T>(ReadOnlySpan<T> values) where T : INumberBase<T>
    {
        // What is finite minus itself is 0, anything else NaN, which stays in the sum.
        var (sum, rest) = (Vector<T>.Zero, T.Zero);
        int i = 0;
        for (; i <= values.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            var some = new Vector<T>(values[i..]);
            sum += some - some;
        }
        for (; i < values.Length; i++) rest += values[i] - values[i];
        return Vector.EqualsAll(sum, Vector<T>.Zero) && rest == T.Zero;
    }

    /// <summary>Keeps the nodes that the wanted values depend on. Does nothing if a node contains a graph, because that may read any
    /// value.</summary>
    private static void Prune(GraphProto graph, string[] wanted)
    {
        const int Graphs = 10; // not in onnx.proto of this project
        if (graph.Node.Any(n => n.Attribute.Any(a => (int)a.Type is (int)AttributeProto.Types.AttributeType.Graph or Graphs))) return;
        var needed = wanted.ToHashSet();
        for (int i = graph.Node.Count - 1; i >= 0; i--) // topological order, backwards
            if (graph.Node[i].Output.Any(needed.Contains)) needed.UnionWith(graph.Node[i].Input);
            else graph.Node.RemoveAt(i);
        for (int i = graph.Initializer.Count - 1; i >= 0; i--)
            if (!needed.Contains(graph.Initializer[i].Name)) graph.Initializer.RemoveAt(i);
    }

    /// <summary>Checks the image input against the manifest and makes it float32; true if it takes one image only.</summary>
    private static bool AdaptInput(GraphProto graph, ModelManifest manifest, string source, out string name)
    {
        var initialized = graph.Initializer.Select(t => t.Name).ToHashSet();
        var read = graph.Node.SelectMany(n => n.Input).ToHashSet();
        // Old files list weights as inputs too.
        var inputs = graph.Input.Where(i => !initialized.Contains(i.Name) && read.Contains(i.Name)).ToList();
        if (inputs.Count != 1) throw Bad($"{source} has {inputs.Count} inputs ({string.Join(", ", inputs.Select(i => i.Name))}); one " +
            $"image input is expected");
        var type = inputs[0].Type?.TensorType;
        var declared = type?.Shape?.Dim;
        if (declared is not { Count: 4 }) throw Bad($"input '{inputs[0].Name}' of {source} must have the dimensions [N, 3, height, width]");
        long[] shape = [1, 3, manifest.InputHeight, manifest.InputWidth];
        for (int d = 0; d < 4; d++)
            if (declared[d].DimValue > 0 && declared[d].DimValue != shape[d])
                throw Bad(d == 0
                    ? $"{source} was exported for batches of {declared[0].DimValue}; export it for batches of 1 or of any size"
                    : $"dimension {d} of input '{inputs[0].Name}' of {source} is {declared[d].DimValue} but model.json asks for " +
                        $"{shape[d]}");
        bool single = declared[0].DimValue == 1;
        if (type!.ElemType is not (Float
            or Half)) throw Bad($"input '{inputs[0].Name}' of {source} has ONNX data type {type.ElemType}; float32 (1) and float16 (10) " +
            $"are supported");

        name = InputName;
        graph.Input.Remove(inputs[0]);
        var dims = new TensorShapeProto
        {
            Dim =
            { single ? new TensorShapeProto.Types.Dimension { DimValue = 1 } : new TensorShapeProto.Types.Dimension { DimParam = "N" } }
        };
        foreach (long d in shape[1..]) dims.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        graph.Input.Add(new ValueInfoProto
        {
            Name = name,
            Type =
            new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = Float, Shape = dims } }
        });
        graph.Node.Insert(0, new NodeProto
        {
            Name = $"{Prefix}input",
            OpType = "Cast",
            Input = { name },
            Output = { inputs[0].Name },
            Attribute = { GraphBuilder.Int("to", type.ElemType) }
        });
        return single;
    }

    /// <summary>The mean over size x size cells around each cell, of those inside the level.</summary>
    private static string Average(GraphProto graph, string input, string output, int size)
    {
        int pad = size / 2;
        return Add(graph, "AveragePool", [input], output, GraphBuilder.Ints("kernel_shape", size, size), GraphBuilder.Ints("strides", 1, 1),
            GraphBuilder.Ints("pads", pad, pad, pad, pad), GraphBuilder.Int("count_include_pad", 0));
    }

    /// <summary>The cells of tokens [N, T, C] as a map [N, C, H, W]. The reshape fails if their number is not that of the grid.</summary>
    private static string Grid(GraphProto graph, string tokens, string output, ModelManifest manifest)
    {
        var layout = manifest.Tokens!;
        string cells = Add(graph, "Slice", [tokens, Constant(graph, $"{output}.first", layout.Leading),
            Constant(graph, $"{output}.end", int.MaxValue), Constant(graph, $"{output}.axis", 1)], $"{output}.cells");
        string rows = Add(graph, "Transpose", [cells], $"{output}.rows", GraphBuilder.Ints("perm", 0, 2, 1));
        return Add(graph, "Reshape", [rows, Constant(graph, $"{output}.shape", 0, 0, manifest.InputHeight / layout.Patch,
            manifest.InputWidth / layout.Patch)], output);
    }

    /// <summary>The first token as [N, 1, C].</summary>
    private static string Token(GraphProto graph, string tokens, string output)
        => Add(graph, "Slice", [tokens, Constant(graph, $"{output}.first", 0), Constant(graph, $"{output}.end", 1),
            Constant(graph, $"{output}.axis", 1)], output);

    private static string Constant(GraphProto graph, string name, params long[] values)
    {
        graph.Initializer.Add(new TensorProto
        {
            Name = name,
            DataType = Int64,
            Dims = { values.Length },
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(values))
        });
        return name;
    }

    private static string Scale(GraphProto graph, string input, string output, float factor)
    {
        graph.Initializer.Add(new TensorProto { Name = $"{output}.factor", DataType = Float, FloatData = { factor } });
        return Add(graph, "Mul", [input, $"{output}.factor"], output);
    }

    private static string Add(GraphProto graph, string op, string[] inputs, string output, params AttributeProto[] attributes)
    {
        graph.Node.Add(new NodeProto { Name = output, OpType = op, Input = { inputs }, Output = { output }, Attribute = { attributes } });
        return output;
    }

    private static string Output(GraphProto graph, string name, int type, int rank)
    {
        var dims = new TensorShapeProto();
        for (int d = 0; d < rank; d++) dims.Dim.Add(new TensorShapeProto.Types.Dimension());
        graph.Output.Add(new ValueInfoProto
        {
            Name = name,
            Type =
            new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = dims } }
        });
        return name;
    }

    private static SpadeException Bad(string message) => new(SpadeError.InvalidArgument, message);
}
