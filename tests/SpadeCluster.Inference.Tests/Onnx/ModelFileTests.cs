using System.Runtime.InteropServices;
using Google.Protobuf;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Tests;

namespace SpadeCluster.Inference.Onnx.Tests;

/// <summary>Models read in place are those of protobuf's own parser, and damaged ones are refused like there.</summary>
public sealed class ModelFileTests
{
    private const int Float = 1, Double = 11; // ONNX data types

    [Fact]
    public void The_built_in_network_is_read_without_copies_of_its_weights()
    {
        var network = BuiltInModels.Open().Network;
        var model = ModelFile.Parse(network);
        Assert.Equal(Reference(network.ToArray()), model);
        Assert.True(MemoryMarshal.TryGetArray(network, out var file));
        var weights = model.Graph.Initializer.Where(t => t.DataType == Float).ToList();
        Assert.NotEmpty(weights);
        Assert.All(weights, t => Assert.True(MemoryMarshal.TryGetArray(t.RawData.Memory, out var data) && data.Array == file.Array));
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_like_by_the_parser()
    {
        float[] weights = [.. Enumerable.Range(1, 12).Select(i => i / 12f)];
        byte[] good = SmallModels.Of(g => g.Conv("image", "level", [4, 3, 1, 1], weights)).Network.ToArray();
        int refused = 0;
        foreach (byte[] bytes in SmallModels.Damaged(good, 20_000, seed: 5))
        {
            ModelProto? expected = null;
            try
            {
                expected = Reference(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                refused++;
                Assert.Throws<InvalidProtocolBufferException>(() => ModelFile.Parse(bytes));
            }
            if (expected is not null) Assert.Equal(expected, ModelFile.Parse(bytes));
        }
        Assert.InRange(refused, 1_000, 19_000);
    }

    [Theory]
    [InlineData("one packed piece", 0)]
    [InlineData("two packed pieces", 3)]
    [InlineData("single values", 2)]
    [InlineData("raw data twice", 0)]
    [InlineData("raw data and a value", 1)]
    [InlineData("none", 0)]
    public void Only_values_in_one_piece_become_raw_data(string values, int left)
    {
        using var stream = new MemoryStream();
        using (var tensor = new CodedOutputStream(stream, leaveOpen: true))
        {
            if (values is "one packed piece" or "two packed pieces") Packed(tensor, 1, 2);
            if (values is "two packed pieces") Packed(tensor, 3);
            if (values is "single values") { Value(tensor, 1); Value(tensor, 2); }
            if (values is "raw data twice") { Raw(tensor, 1, 2, 3, 4); Raw(tensor, 5, 6, 7, 8); }
            if (values is "raw data and a value") { Raw(tensor, 1, 2, 3, 4); Value(tensor, 1); }
            tensor.WriteTag(TensorProto.DataTypeFieldNumber, WireFormat.WireType.Varint); // after the values
            tensor.WriteInt32(Float);
        }
        Assert.Equal(left, Check(stream.ToArray()).FloatData.Count);
    }

    [Fact]
    public void Only_float32_values_become_raw_data()
    {
        using var stream = new MemoryStream();
        using (var tensor = new CodedOutputStream(stream, leaveOpen: true))
        {
            tensor.WriteTag(TensorProto.DataTypeFieldNumber, WireFormat.WireType.Varint);
            tensor.WriteInt32(Double);
            Packed(tensor, 1, 2);
        }
        Assert.False(Check(stream.ToArray()).HasRawData);
    }

    private static TensorProto Check(byte[] tensor)
    {
        var graph = new GraphProto { Name = "g", Initializer = { TensorProto.Parser.ParseFrom(tensor) } };
        // Written by hand, because writing a parsed tensor would merge its pieces.
        using var stream = new MemoryStream();
        using (var model = new CodedOutputStream(stream, leaveOpen: true))
        {
            model.WriteTag(ModelProto.GraphFieldNumber, WireFormat.WireType.LengthDelimited);
            model.WriteLength(CodedOutputStream.ComputeTagSize(GraphProto.InitializerFieldNumber)
                + CodedOutputStream.ComputeLengthSize(tensor.Length) + tensor.Length);
            model.WriteTag(GraphProto.InitializerFieldNumber, WireFormat.WireType.LengthDelimited);
            model.WriteBytes(ByteString.CopyFrom(tensor));
            // A second part of the same graph.
            model.WriteTag(ModelProto.GraphFieldNumber, WireFormat.WireType.LengthDelimited);
            model.WriteMessage(graph);
        }
        var read = ModelFile.Parse(stream.ToArray());
        Assert.Equal(Reference(stream.ToArray()), read);
        return read.Graph.Initializer[0];
    }

    private static void Packed(CodedOutputStream tensor, params float[] values)
    {
        tensor.WriteTag(TensorProto.FloatDataFieldNumber, WireFormat.WireType.LengthDelimited);
        tensor.WriteBytes(ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)));
    }

    private static void Value(CodedOutputStream tensor, float value)
    {
        tensor.WriteTag(TensorProto.FloatDataFieldNumber, WireFormat.WireType.Fixed32);
        tensor.WriteFloat(value);
    }

    private static void Raw(CodedOutputStream tensor, params byte[] bytes)
    {
        tensor.WriteTag(TensorProto.RawDataFieldNumber, WireFormat.WireType.LengthDelimited);
        tensor.WriteBytes(ByteString.CopyFrom(bytes));
    }

    /// <summary>By protobuf's parser. Values that <see cref="ModelFile"/> has as raw data become raw data.</summary>
    private static ModelProto Reference(byte[] file)
    {
        var model = ModelProto.Parser.ParseFrom(file);
        var read = ModelFile.Parse(file).Graph?.Initializer;
        foreach (var (tensor, other) in (model.Graph?.Initializer ?? []).Zip(read ?? []))
            if (other.HasRawData && tensor is { DataType: Float, HasRawData: false, FloatData.Count: > 0 })
            {
                tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(tensor.FloatData.ToArray()));
                tensor.FloatData.Clear();
            }
        return model;
    }
}
