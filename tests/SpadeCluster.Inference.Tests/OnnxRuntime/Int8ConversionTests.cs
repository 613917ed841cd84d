using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.Onnx;
using SpadeCluster.Inference.Tests;
using SpadeCluster.Tests;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

public class Int8ConversionTests
{
    private static readonly InferenceModel ResNet18 = SyntheticResNet.Build(ResNetArchitecture.All[0], 1);

    private static RgbImage[] Images(InferenceModel model, int count)
    {
        using var extractor = new OnnxRuntimeExtractor(model);
        return [.. Enumerable.Range(0, count).Select(i => ModelVerification.Image(extractor.Model, i))];
    }

    [Fact]
    public async Task Features_stay_close_and_the_file_shrinks_to_a_quarter()
    {
        var images = Images(ResNet18, 4);
        var converted = Int8Conversion.Run(ResNet18, images);
        Assert.Equal($"{ResNet18.Manifest.Name}-int8", converted.Manifest.Name);
        Assert.NotEqual(ResNet18.Digest, converted.Digest);
        Assert.Contains("calibrated on 4 normals", converted.Manifest.Origin);
        Assert.InRange((double)converted.Network.Length / ResNet18.Network.Length, 0.2, 0.3);

        using var exact = new OnnxRuntimeExtractor(ResNet18);
        using var int8 = new OnnxRuntimeExtractor(converted);
        Assert.Equal(exact.Model.Levels, int8.Model.Levels);
        var (expected, actual) = (await Extraction.Of(exact, images[1]), await Extraction.Of(int8, images[1]));
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(actual.Levels[level], expected.Levels[level]), 1e-4, 0.1); // and it did round
        Assert.InRange(ModelVerification.RelativeError(actual.Pooled, expected.Pooled), 0, 0.1);
    }

    [SharedDataFact]
    public async Task Golden_features_of_the_published_ResNet50_within_a_tenth()
    {
        using var folder = new TemporaryFolder();
        var model = ModelImport.Run("resnet50-caffe", SharedData.Path("data", "resnet50-l3", "resnet50_layers1-3.safetensors"),
            folder.In("model"));
        RgbImage[] normals = [.. Directory.GetFiles(SharedData.Path("data", "cookie", "train",
            "good")).Order(StringComparer.Ordinal).Take(8).Select(f
            => Preprocessing.Stretch(224, 224).Apply(ImageReader.Default.ReadFile(f)))];
        using var exact = new OnnxRuntimeExtractor(model);
        using var int8 = new OnnxRuntimeExtractor(Int8Conversion.Run(model, normals));
        var image = Preprocessing.Stretch(224,
            224).Apply(ImageReader.Default.ReadFile(Directory.GetFiles(SharedData.Path("data", "cookie", "test",
            "defect")).Order(StringComparer.Ordinal).First()));
        var (expected, actual) = (await Extraction.Of(exact, image), await Extraction.Of(int8, image));
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(actual.Levels[level], expected.Levels[level]), 0, 0.1);
    }

    [Fact]
    public async Task Same_bits_for_any_batch_and_number_of_threads()
    {
        var images = Images(ResNet18, 3);
        var converted = Int8Conversion.Run(ResNet18, images);
        using var alone = new OnnxRuntimeExtractor(converted, new() { Threads = 1 });
        using var batched = new OnnxRuntimeExtractor(converted, new() { Threads = 2, Batch = 3 });
        ImageFeatures[] features = [.. images.Select(_ => new ImageFeatures(batched.Model))];
        await batched.ExtractAsync(images, features);
        for (int i = 0; i < images.Length; i++) Extraction.AssertSameBits(await Extraction.Of(alone, images[i]), features[i]);
    }

    [Fact]
    public void Weights_in_a_list_of_floats_are_converted_like_raw_data()
    {
        var images = Images(ResNet18, 2);
        var proto = ModelProto.Parser.ParseFrom(ResNet18.Network.Span);
        foreach (var weights in proto.Graph.Initializer.Where(t => t.DataType == 1))
        {
            weights.FloatData.Add(MemoryMarshal.Cast<byte, float>(weights.RawData.Span).ToArray());
            weights.ClearRawData();
        }
        byte[] lists = Google.Protobuf.MessageExtensions.ToByteArray(proto);
        var same = InferenceModel.Create(ResNet18.Manifest with { Sha256 = InferenceModel.DigestOf(lists) }, lists, "lists");
        Assert.Equal(Int8Conversion.Run(ResNet18, images).Network.ToArray(), Int8Conversion.Run(same, images).Network.ToArray());
    }

    [Fact]
    public void What_cannot_be_converted_says_why()
    {
        var images = Images(ResNet18, 1);
        void Refused(string says, InferenceModel model, params RgbImage[] normals)
        {
            var e = Assert.Throws<SpadeException>(() => Int8Conversion.Run(model, normals));
            Assert.Equal(SpadeError.InvalidArgument, e.Error);
            Assert.Contains(says, e.Message);
        }
        Refused("needs normals", ResNet18);
        Refused("a normal is 8x9", ResNet18, new RgbImage(8, 9));
        Refused("int8 would change nothing", SmallModels.Of(g => g.Node("Relu", "level", ["image"])), images[0]);
        Refused("int8 would change nothing", Int8Conversion.Run(ResNet18, images), images); // it is int8 already

        var proto = ModelProto.Parser.ParseFrom(ResNet18.Network.Span);
        proto.OpsetImport[0].Version = 12;
        byte[] older = Google.Protobuf.MessageExtensions.ToByteArray(proto);
        Refused("operator set 12",
            InferenceModel.Create(ResNet18.Manifest with { Sha256 = InferenceModel.DigestOf(older) }, older, "older"), images);
    }
}
