using SpadeCluster.Features;
using SpadeCluster.Inference.Managed;

namespace SpadeCluster.Inference.Tests.Import;

/// <summary>Imported networks against torchvision's own, with the same random weights.</summary>
public class TorchvisionTests
{
    [TorchTheory]
    [InlineData("resnet18")]
    [InlineData("wide_resnet50_2")]
    public async Task Features_equal_torchvisions_within_1e_4(string name)
    {
        using var folder = new TemporaryFolder();
        using var extractor = new ManagedExtractor(ModelImportTests.Import(name, folder), 2);
        var image = ModelVerification.Image(extractor.Model, 3);
        var features = new ImageFeatures(extractor.Model);
        await extractor.ExtractAsync([image], [features]);
        var expected = Torchvision.Features(name, folder.In("w"), image, folder);
        for (int level = 0; level < 3; level++)
            Assert.InRange(ModelVerification.RelativeError(features.Levels[level], expected[level]), 0, 1e-5);
        Assert.InRange(ModelVerification.RelativeError(features.Pooled, expected[3]), 0, 1e-5);
    }
}
