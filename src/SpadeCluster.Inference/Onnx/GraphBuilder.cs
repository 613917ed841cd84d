using System.Runtime.InteropServices;
using Google.Protobuf;

namespace SpadeCluster.Inference.Onnx;

/// <summary>Writes an ONNX graph (operator set 13) node by node. Values are identified by their names.</summary>
internal sealed class GraphBuilder
{
    private const int Opset = 13, IrVersion = 7, FloatType = 1, Int64Type = 7;
    private readonly GraphProto _graph = new();
    private int _constants;

    public GraphBuilder(string name) => _graph.Name = name;

    public GraphBuilder(string name, string input, int channels, int height, int width) : this(name)
        => Input(input, channels, height, width);

    /// <summary>An input of float values; its first dimension, any, comes before <paramref name="shape"/>.</summary>
    public string Input(string name, params int[] shape)
    {
        _graph.Input.Add(ValueInfo(name, "N", shape));
        return name;
    }

    public string Conv(string x, string output, int[] weightShape, float[] weights, float[]? bias = null, int strideY = 1, int strideX = 1,
        int[]? pads = null, int groups = 1, int dilation = 1)
    {
        var inputs = new List<string> { x, Constant($"{output}.weight", weightShape, weights) };
        if (bias is not null) inputs.Add(Constant($"{output}.bias", [bias.Length], bias));
        return Node("Conv", output, [.. inputs], Ints("kernel_shape", weightShape[2], weightShape[3]), Ints("strides", strideY, strideX),
            Ints("pads", pads ?? [0, 0, 0, 0]), Int("group", groups), Ints("dilations", dilation, dilation));
    }

    public string MaxPool(string x, string output, int kernel, int stride, int[] pads, bool ceil) =>
        Node("MaxPool", output, [x], Ints("kernel_shape", kernel, kernel), Ints("strides", stride, stride), Ints("pads", pads),
            Int("ceil_mode", ceil ? 1 : 0));

    public string AveragePool(string x, string output, int kernel, int stride) =>
        Node("AveragePool", output, [x], Ints("kernel_shape", kernel, kernel), Ints("strides", stride, stride));

    /// <summary>Pads height and width by reflection about the border pixels, which are not repeated.</summary>
    public string PadReflect(string x, string output, int top, int left, int bottom, int right) =>
        Node("Pad", output, [x, Constant($"{output}.pads", [0L, 0, top, left, 0, 0, bottom, right])], Text("mode", "reflect"));

    public string Reduce(string op, string x, string output, int[] axes, bool keepDims = true) =>
        Node(op, output, [x], Ints("axes", axes), Int("keepdims", keepDims ? 1 : 0));

    public string Concat(string output, params string[] inputs) => Node("Concat", output, inputs, Int("axis", 1));

    public string Flatten(string x, string output) => Node("Flatten", output, [x], Int("axis", 1));

    public string Node(string op, string output, string[] inputs, params AttributeProto[] attributes)
    {
        _graph.Node.Add(new NodeProto { Name = output, OpType = op, Input = { inputs }, Output = { output }, Attribute = { attributes } });
        return output;
    }

    /// <summary>A float constant of the given shape; returns its name.</summary>
    public string Constant(string name, int[] shape, float[] values)
    {
        _graph.Initializer.Add(new TensorProto
        {
            Name = name,
            DataType = FloatType,
            Dims = { shape.Select(d => (long)d) },
            RawData =
            ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values))
        });
        return name;
    }

    /// <summary>A scalar constant with a unique name.</summary>
    public string Scalar(float value) => Constant($"constant{++_constants}", [1], [value]);

    public void Output(string name, params int[] shape) => _graph.Output.Add(ValueInfo(name, "N", shape));

    public void IntegerOutput(string name, params int[] shape)
    {
        var info = ValueInfo(name, "N", shape);
        info.Type.TensorType.ElemType = Int64Type;
        _graph.Output.Add(info);
    }

    public byte[] Build() => new ModelProto
    {
        IrVersion = IrVersion,
        ProducerName = "SpadeCluster",
        Graph = _graph,
        OpsetImport = { new OperatorSetIdProto { Domain = "", Version = Opset } },
    }.ToByteArray();

    /// <summary>An int64 constant: pads, shapes, axes.</summary>
    public string Constant(string name, long[] values)
    {
        _graph.Initializer.Add(new TensorProto
        {
            Name = name,
            DataType = Int64Type,
            Dims = { values.Length },
            RawData =
            ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(values))
        });
        return name;
    }

    public static AttributeProto Int(string name, long value)
        => new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };
    public static AttributeProto Float(string name, float value)
        => new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };
    public static AttributeProto Ints(string name, params int[] values)
        => new() { Name = name, Ints = { values.Select(v => (long)v) }, Type = AttributeProto.Types.AttributeType.Ints };
    public static AttributeProto Text(string name, string value)
        => new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = AttributeProto.Types.AttributeType.String };

    private static ValueInfoProto ValueInfo(string name, string batch, params int[] shape)
    {
        var dims = new TensorShapeProto();
        dims.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = batch });
        foreach (int d in shape) dims.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = d });
        return new ValueInfoProto
        {
            Name = name,
            Type =
            new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = FloatType, Shape = dims } }
        };
    }
}
