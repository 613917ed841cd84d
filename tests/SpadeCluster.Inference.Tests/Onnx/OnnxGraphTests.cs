using Google.Protobuf;
using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests.Onnx;

public class OnnxGraphTests
{
    private static readonly byte[] Good = Build(g => g.Conv("image", "level", [4, 3, 1, 1], new float[12]));

    private static byte[] Build(Action<GraphBuilder> build)
    {
        var builder = new GraphBuilder("test", "image", 3, 16, 16);
        build(builder);
        builder.Output("level");
        return builder.Build();
    }

    private static string Refused(byte[] bytes)
    {
        var error = Assert.Throws<SpadeException>(() => new ManagedExtractor(InferenceModel.Create(SmallModels.Manifest(bytes), bytes, "some.onnx"), 1).Dispose());
        Assert.Equal(SpadeError.InvalidArgument, error.Error);
        return error.Message;
    }

    private static byte[] Changed(Action<ModelProto> change)
    {
        var model = ModelProto.Parser.ParseFrom(Good);
        change(model);
        return model.ToByteArray();
    }

    [Fact]
    public void A_truncated_file_is_refused_wherever_it_ends()
    {
        for (int length = 0; length < Good.Length; length += 7)
        {
            string message = Refused(Good[..length]);
            Assert.Contains("some.onnx", message);
        }
    }

    [Fact]
    public void Mutated_files_are_refused_or_run_but_never_crash()
    {
        var random = new Random(1);
        for (int i = 0; i < 3000; i++)
        {
            byte[] bytes = [.. Good];
            for (int n = random.Next(1, 4); n > 0; n--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                new ManagedExtractor(InferenceModel.Create(SmallModels.Manifest(bytes), bytes, "some.onnx"), 1).Dispose();
            }
            catch (SpadeException)
            {
            }
        }
    }

    [Fact]
    public void An_unknown_operator_is_named_with_its_node()
    {
        string message = Refused(Build(g => g.Node("Softplus", "level", ["image"])));
        Assert.Contains("Softplus", message);
        Assert.Contains("'level'", message);
        Assert.Contains("from the operator domain 'com.example'", Refused(Changed(m => m.Graph.Node[0].Domain = "com.example")));
    }

    [Fact]
    public void An_unknown_operator_that_no_output_needs_is_no_error()
    {
        byte[] bytes = Build(g =>
        {
            g.Conv("image", "level", [4, 3, 1, 1], new float[12]);
            g.Node("Softmax", "probabilities", ["level"]);
        });
        new ManagedExtractor(InferenceModel.Create(SmallModels.Manifest(bytes), bytes, "some.onnx"), 1).Dispose();
    }

    [Theory]
    [InlineData(6)]
    [InlineData(22)]
    public void Operator_sets_outside_the_range_are_refused(int version) =>
        Assert.Contains($"operator set {version}; 7 to 21", Refused(Changed(m => m.OpsetImport[0].Version = version)));

    [Fact]
    public void Weights_must_be_present_finite_and_of_their_shape()
    {
        Assert.Contains("NaN", Refused(Build(g => g.Conv("image", "level", [4, 3, 1, 1], [.. Enumerable.Repeat(float.NaN, 12)]))));
        Assert.Contains("'level.weight'", Refused(Changed(m => m.Graph.Initializer.Clear())));
        Assert.Contains("shape asks for", Refused(Changed(m => m.Graph.Initializer[0].Dims[0] = 5)));
        Assert.Contains("impossible dimensions", Refused(Changed(m => m.Graph.Initializer[0].Dims[0] = long.MaxValue)));
        Assert.Contains("another file", Refused(Changed(m => m.Graph.Initializer[0].DataLocation = TensorProto.Types.DataLocation.External)));
        Assert.Contains("data type 10", Refused(Changed(m => m.Graph.Initializer[0].DataType = 10)));
    }

    [Fact]
    public void Outputs_and_inputs_must_be_those_of_the_manifest()
    {
        Assert.Contains("'level'", Refused(Changed(m => m.Graph.Node[0].Output[0] = "other")));
        Assert.Contains("is 20 but the manifest asks for 16", Refused(Changed(m => m.Graph.Input[0].Type.TensorType.Shape.Dim[2].DimValue = 20)));
        Assert.Contains("batches of 4", Refused(Changed(m => m.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimValue = 4)));
        Assert.Contains("has 0 inputs", Refused(Changed(m => m.Graph.Input.Clear())));
    }

    [Fact]
    public void Operators_that_do_not_fit_their_inputs_are_refused_with_the_reason()
    {
        Assert.Contains("3 input channels", Refused(Build(g => g.Conv("image", "level", [4, 2, 1, 1], new float[8]))));
        Assert.Contains("smaller than its window", Refused(Build(g => g.Conv("image", "level", [1, 3, 17, 17], new float[3 * 17 * 17]))));
        Assert.Contains("do not broadcast", Refused(Build(g => g.Node("Add", "level", ["image", g.Constant("k", [5], new float[5])]))));
        Assert.Contains("reflects by more", Refused(Build(g => g.PadReflect("image", "level", 16, 0, 0, 0))));
        Assert.Contains("at most", Refused(Build(g => g.Conv("image", "level", [1 << 16, 3, 1, 1], new float[3 << 16], pads: [99, 99, 99, 99]))));
        Assert.Contains("pads 0 to", Refused(Build(g => g.Conv("image", "level", [1, 3, 1, 1], new float[3], pads: [int.MaxValue, 0, int.MaxValue, 0]))));
        Assert.Contains("'nothing'", Refused(Build(g => g.Node("Relu", "level", ["nothing"]))));
    }
}
