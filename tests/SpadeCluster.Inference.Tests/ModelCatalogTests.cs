using SpadeCluster.Features;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference.Tests;

public class ModelCatalogTests
{
    private static readonly OnnxRuntimeDevice Cpu = OnnxRuntimeDevice.Cpu;

    private static ModelCatalog Catalog(string? model, string folder, List<string>? warnings = null)
        => new(model, folder, _ => new() { Threads = 1 }, (warnings ?? []).Add);

    /// <summary>The part of a gallery's model binding that the catalogue checks.</summary>
    private static FeatureModel Wanted(string digest) => new("wanted", digest, 16, 16, [], 0, false);

    [Fact]
    public void A_gallerys_model_is_found_by_its_digest_among_broken_folders()
    {
        using var models = new TemporaryFolder();
        Directory.CreateDirectory(models.In("a-broken"));
        File.WriteAllText(models.In("a-broken/model.json"), "{}");
        Directory.CreateDirectory(models.In("b-notes")); // no model: nothing to say of it
        var away = SmallModels.Of(g => g.Node("Relu", "level", ["image"]));
        ModelFolder.Write(models.In("c-away"), away);
        File.Delete(models.In("c-away/model.onnx"));
        var other = SmallModels.Of(g => g.Node("Sqrt", "level", ["image"]));
        ModelFolder.Write(models.In("d-other"), other);

        var warnings = new List<string>();
        using var catalog = Catalog(BuiltInModels.OrientedEnergy, models.Path, warnings);
        Assert.Equal(OrientedEnergy.Open().Digest, catalog.Extractor(Cpu).Model.Digest);
        Assert.Equal(other.Digest, catalog.Extractor(Cpu, Wanted(other.Digest)).Model.Digest);
        Assert.Contains("\"name\" is missing", Assert.Single(warnings));
        Assert.Same(catalog.Extractor(Cpu, Wanted(other.Digest)), catalog.Extractor(Cpu, Wanted(other.Digest)));
        Assert.Equal(2, catalog.Health.Count());

        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => catalog.Extractor(Cpu, Wanted(away.Digest))).Error);
        ModelFolder.Write(models.In("e-back"), away);
        Directory.Delete(models.In("c-away"), recursive: true);
        Assert.Equal(away.Digest, catalog.Extractor(Cpu, Wanted(away.Digest)).Model.Digest); // a failure is not kept

        var error = Assert.Throws<SpadeException>(() => catalog.Extractor(Cpu, Wanted(new string('0', 64))));
        Assert.Equal(SpadeError.FailedPrecondition, error.Error);
        Assert.Contains("the gallery needs model 'wanted' (digest 000000000000)", error.Message);
        Assert.Equal([OrientedEnergy.Name, BuiltInModels.ResNet18, "test", "test"], catalog.Sources().Select(s => s.Manifest.Name));
    }

    [Fact]
    public void A_model_opened_ahead_is_the_one_that_is_asked_for_later()
    {
        using var models = new TemporaryFolder();
        using var catalog = Catalog(BuiltInModels.OrientedEnergy, models.In("nowhere"));
        catalog.OpenAhead(Cpu, new string('0', 64)); // unknown: nothing is opened
        Assert.Empty(catalog.Health);
        string digest = OrientedEnergy.Open().Digest;
        catalog.OpenAhead(Cpu, digest);
        Assert.Equal(digest, Assert.Single(catalog.Health).ModelDigest);
        Assert.Equal(digest, catalog.Extractor(Cpu, Wanted(digest)).Model.Digest);
        Assert.Single(catalog.Health);
    }

    [Fact]
    public void Galleries_of_every_built_in_model_are_served_whatever_the_default_is()
    {
        using var models = new TemporaryFolder();
        using var catalog = Catalog(null, models.In("nowhere"));
        Assert.Equal(BuiltInModels.ResNet18, catalog.Default.Manifest.Name);
        Assert.Equal(BuiltInModels.OrientedEnergy, catalog.Extractor(Cpu, Wanted(OrientedEnergy.Open().Digest)).Model.Name);
        Assert.Equal(BuiltInModels.Names, catalog.Models(Cpu).Select(m => m.Name));
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => ModelSource.Of("nothing")).Error);
    }
}
