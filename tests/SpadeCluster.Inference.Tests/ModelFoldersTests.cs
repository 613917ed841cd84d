using SpadeCluster.Inference.Default;

namespace SpadeCluster.Inference.Tests;

public class ModelFoldersTests
{
    [Fact]
    public void A_model_is_found_among_broken_ones_and_only_its_network_is_read()
    {
        using var models = new TemporaryFolder();
        Directory.CreateDirectory(models.In("a-broken"));
        File.WriteAllText(models.In("a-broken/model.json"), "{}");
        Directory.CreateDirectory(models.In("b-notes")); // no model: nothing to say of it
        var other = SmallModels.Of(g => g.Node("Relu", "level", ["image"]));
        ModelFolder.Write(models.In("c-other"), other);
        File.Delete(models.In("c-other/model.onnx"));
        var wanted = DefaultModel.Write(models.In("d-wanted"));

        var warnings = new List<string>();
        Assert.Equal(wanted.Digest, ModelFolders.Find(models.Path, wanted.Digest, warnings.Add)!.Digest);
        Assert.Contains("a-broken' is left out", Assert.Single(warnings));
        Assert.Contains("\"name\" is missing", warnings[0]);
        Assert.Null(ModelFolders.Find(models.Path, new string('0', 64), _ => { }));
        Assert.Null(ModelFolders.Find(models.In("nowhere"), wanted.Digest, _ => { }));
        // The one that is wanted has to be whole.
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => ModelFolders.Find(models.Path, other.Digest, _ => { })).Error);
        Assert.Equal(["a-broken", "c-other", "d-wanted"], ModelFolders.In(models.Path).Select(Path.GetFileName));
    }
}
