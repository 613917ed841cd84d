using SpadeCluster.Evaluation;

namespace SpadeCluster.Core.Tests.Evaluation;

public sealed class MvtecDatasetTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("spade-dataset-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Finds_images_kinds_and_masks()
    {
        Touch("bottle/train/good/b.png", "bottle/train/good/a.JPG", "bottle/train/good/notes.txt", "bottle/test/good/1.png",
            "bottle/test/crack/2.png", "bottle/test/crack/3.png", "bottle/ground_truth/crack/2_mask.png");
        var dataset = Assert.Single(MvtecDataset.Open(_root));
        Assert.Equal("bottle", dataset.Name);
        Assert.Equal(["a.JPG", "b.png"], dataset.Train.Select(f => Path.GetFileName(f)));
        Assert.Equal([("crack", true, "2_mask.png"), ("crack", true, null), ("good", false, null)],
            dataset.Test.Select(t => (t.Kind, t.Anomalous, t.MaskPath is null ? null : Path.GetFileName(t.MaskPath))));
        Assert.Equal(dataset.Train, MvtecDataset.Open(Path.Combine(_root, "bottle"))[0].Train);
    }

    [Fact]
    public void Says_what_is_missing()
    {
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => MvtecDataset.Open(Path.Combine(_root, "nowhere"))).Error);
        Assert.Contains("train/good", Assert.Throws<SpadeException>(() => MvtecDataset.Open(_root)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(Path.Combine(_root, "x", "train", "good"));
        Directory.CreateDirectory(Path.Combine(_root, "x", "test"));
        Assert.Contains("no images", Assert.Throws<SpadeException>(() => MvtecDataset.Open(_root)).Message, StringComparison.Ordinal);
    }

    private void Touch(params string[] files)
    {
        foreach (string file in files)
        {
            string path = Path.Combine(_root, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, [1]);
        }
    }
}
