using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference.Tests.Import;

public class ModelImportTests
{
    /// <summary>Level channels and pooled length of each architecture, from the papers.</summary>
    [Theory]
    [InlineData("resnet18", 64, 128, 256, 512)]
    [InlineData("resnet34", 64, 128, 256, 512)]
    [InlineData("resnet50", 256, 512, 1024, 2048)]
    [InlineData("resnet50-caffe", 256, 512, 1024, 1024)]
    public void Every_architecture_imports_with_the_published_shapes(string name, int level1, int level2, int level3, int pooled)
    {
        using var folder = new TemporaryFolder();
        var built = Import(name, folder);
        using var extractor = new OnnxRuntimeExtractor(built);
        Assert.Equal([new(56, 56, level1), new(28, 28, level2), new(14, 14, level3)], extractor.Model.Levels);
        Assert.Equal(pooled, extractor.Model.PooledLength);
        Assert.False(extractor.Model.WeightChannels);
    }

    [Fact]
    public void The_architectures_are_those_of_the_documentation() =>
        Assert.Equal(["resnet18", "resnet34", "resnet50", "resnet101", "wide_resnet50_2", "resnet50-caffe"], ModelImport.Architectures);

    [Fact]
    public void A_missing_tensor_is_named_and_nothing_is_written()
    {
        using var folder = new TemporaryFolder();
        var weights = new RecordingWeights(1);
        ResNetBuilder.Build(ResNetArchitecture.All[0], weights, "", "");
        weights.Tensors.Remove("layer3.1.bn2.running_var");
        weights.Write(folder.In("w"));
        var error = Assert.Throws<SpadeException>(() => ModelImport.Run("resnet18", folder.In("w"), folder.In("model")));
        Assert.Equal(SpadeError.InvalidArgument, error.Error);
        Assert.Contains("'layer3.1.bn2.running_var'", error.Message);
        Assert.False(Directory.Exists(folder.In("model")));
    }

    [Fact]
    public void Weights_of_another_architecture_are_refused()
    {
        using var folder = new TemporaryFolder();
        var weights = new RecordingWeights(1);
        ResNetBuilder.Build(ResNetArchitecture.All[0], weights, "", "");
        weights.Write(folder.In("w"));
        Assert.Contains("layer1.0.conv1.weight",
            Assert.Throws<SpadeException>(() => ModelImport.Run("resnet50", folder.In("w"), folder.In("model"))).Message);
        Assert.Contains("'vgg16'",
            Assert.Throws<SpadeException>(() => ModelImport.Run("vgg16", folder.In("w"), folder.In("model"))).Message);
        Assert.Equal(SpadeError.NotFound,
            Assert.Throws<SpadeException>(() => ModelImport.Run("resnet18", folder.In("none"), folder.In("model"))).Error);
    }

    internal static InferenceModel Import(string name, TemporaryFolder folder)
    {
        var weights = new RecordingWeights(1);
        var direct = ResNetBuilder.Build(ResNetArchitecture.All.Single(a => a.Name == name), weights, "", "");
        weights.Write(folder.In("w"));
        var imported = ModelImport.Run(name, folder.In("w"), folder.In("model"));
        Assert.Equal(direct.Digest, imported.Digest); // the file carried the weights to the bit
        return imported;
    }
}
