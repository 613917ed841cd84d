using System.Runtime.InteropServices;
using Google.Protobuf;

namespace SpadeCluster.Inference.Onnx;

/// <summary>Reads ONNX files without copying their weights, which are most of a file.</summary>
internal static class ModelFile
{
    private const int Float = 1; // ONNX data type

    /// <summary>A model whose weights have their values as raw data in the file's memory.</summary>
    /// <exception cref="InvalidProtocolBufferException">Damaged or truncated.</exception>
    public static ModelProto Parse(ReadOnlyMemory<byte> file)
    {
        if (!MemoryMarshal.TryGetArray(file, out var bytes)) bytes = file.ToArray();
        var model = new ModelProto();
        Merge(model, bytes, (_, graph) =>
        {
            model.Graph ??= new();
            Merge(model.Graph, graph, (_, tensor) => model.Graph.Initializer.Add(Tensor(tensor)), GraphProto.InitializerFieldNumber);
        }, ModelProto.GraphFieldNumber);
        return model;
    }

    private static TensorProto Tensor(ArraySegment<byte> bytes)
    {
        var tensor = new TensorProto();
        var values = new List<(int Field, ArraySegment<byte> Bytes)>();
        Merge(tensor, bytes, (field, value) => values.Add((field, value)),
            TensorProto.FloatDataFieldNumber, TensorProto.RawDataFieldNumber);
        // Packed float32 values are the same bytes as raw data. Values in several pieces are left to the parser.
        if (tensor.FloatData.Count > 0 || values is not [var only]
            || (only.Field == TensorProto.FloatDataFieldNumber && (tensor.DataType != Float || only.Bytes.Count == 0)))
            return TensorProto.Parser.ParseFrom(bytes.Array, bytes.Offset, bytes.Count);
        tensor.RawData = UnsafeByteOperations.UnsafeWrap(only.Bytes);
        return tensor;
    }

    /// <summary>Merges a message without some of its fields, and calls <paramref name="take"/> with the contents of each of
    /// those.</summary>
    private static void Merge(IMessage message, ArraySegment<byte> bytes, Action<int, ArraySegment<byte>> take,
        params ReadOnlySpan<int> fields)
    {
        var (file, merged) = (bytes.Array!, bytes.Offset);
        using var input = new CodedInputStream(file, bytes.Offset, bytes.Count);
        while (true)
        {
            int start = (int)input.Position;
            uint tag = input.ReadTag();
            int field = WireFormat.GetTagFieldNumber(tag);
            bool taken = tag != 0 && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited && fields.Contains(field);
            if (tag == 0 || taken) message.MergeFrom(file, merged, start - merged);
            if (tag == 0) return;
            int afterTag = (int)input.Position;
            input.SkipLastField();
            if (!taken) continue;
            merged = (int)input.Position;
            using var contents = new CodedInputStream(file, afterTag, merged - afterTag);
            int length = contents.ReadLength();
            take(field, new(file, merged - length, length));
        }
    }
}
