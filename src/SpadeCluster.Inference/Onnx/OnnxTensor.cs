using System.Runtime.InteropServices;

namespace SpadeCluster.Inference.Onnx;

/// <summary>A constant of the graph: float32 values, or int64 values where an operator takes shapes, pads or axes.</summary>
internal sealed record OnnxTensor(string Name, int[] Shape, float[]? Floats, long[]? Ints)
{
    private const int FloatType = 1, Int64Type = 7;

    public int Length => Shape.Aggregate(1, (product, d) => product * d);

    public static OnnxTensor Read(TensorProto proto, string name, string source)
    {
        if (proto.DataLocation == TensorProto.Types.DataLocation.External)
            throw Bad($"tensor '{name}' of {source} keeps its data in another file; export the model with its weights inside");
        long count = 1;
        foreach (long d in proto.Dims)
        {
            if (d is < 0 or > int.MaxValue || (count *= d) > int.MaxValue)
                throw Bad($"tensor '{name}' of {source} has impossible dimensions [{string.Join(", ", proto.Dims)}]");
        }
        int[] shape = [.. proto.Dims.Select(d => (int)d)];
        switch (proto.DataType)
        {
            case FloatType:
                float[] floats = proto.HasRawData ? MemoryMarshal.Cast<byte, float>(Raw(proto, name, count * 4, source)).ToArray() : [.. proto.FloatData];
                if (floats.Length != count) throw Bad($"tensor '{name}' of {source} holds {floats.Length} values where its shape asks for {count}");
                foreach (float value in floats)
                    if (!float.IsFinite(value)) throw Bad($"tensor '{name}' of {source} holds NaN or infinite weights");
                return new(name, shape, floats, null);
            case Int64Type:
                long[] ints = proto.HasRawData ? MemoryMarshal.Cast<byte, long>(Raw(proto, name, count * 8, source)).ToArray() : [.. proto.Int64Data];
                if (ints.Length != count) throw Bad($"tensor '{name}' of {source} holds {ints.Length} values where its shape asks for {count}");
                return new(name, shape, null, ints);
            default:
                throw Bad($"tensor '{name}' of {source} has ONNX data type {proto.DataType}; float32 (1) and int64 (7) are supported");
        }
    }

    private static ReadOnlySpan<byte> Raw(TensorProto proto, string name, long bytes, string source) =>
        proto.RawData.Length == bytes
            ? proto.RawData.Span
            : throw Bad($"tensor '{name}' of {source} holds {proto.RawData.Length} bytes where its shape asks for {bytes}");

    private static SpadeException Bad(string message) => new(SpadeError.InvalidArgument, message);
}
