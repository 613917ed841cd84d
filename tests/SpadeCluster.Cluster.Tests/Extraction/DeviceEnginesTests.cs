using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Cli.Silo;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class DeviceEnginesTests : IDisposable
{
    private readonly string _models = Directory.CreateTempSubdirectory("spade-models-").FullName;

    public void Dispose() => Directory.Delete(_models, recursive: true);

    [Fact]
    public void A_broken_model_folder_does_not_disable_another_and_a_missing_one_may_come_later()
    {
        using var engines = Engines();
        Directory.CreateDirectory(Path.Combine(_models, "bad"));
        File.WriteAllText(Path.Combine(_models, "bad", "model.json"), "{}");
        var slot = engines.On(0);
        // Another input scale is another model, though the network is the same.
        string good = Path.Combine(_models, "good"), manifest = Path.Combine(good, "model.json");
        Inference.ModelFolder.Write(good, BuiltInModels.Open(BuiltInModels.OrientedEnergy));
        File.WriteAllText(manifest,
            System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(manifest), "(\"scale\": \\[\\s*)[0-9.]+", "${1}17"));
        string digest = Inference.ModelFolder.Open(good).Digest;
        var model = slot.Default.Extractor.Model with { Digest = digest };

        string network = Path.Combine(good, "model.onnx");
        File.Move(network, network + ".away");
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => slot.For(model, "stretch 224x224")).Error);
        File.Move(network + ".away", network);
        Assert.Equal(digest, slot.For(model, "stretch 224x224").Extractor.Model.Digest);
        Assert.Equal(2, engines.Health.Count());
    }

    [Fact]
    public void Settings_of_ONNX_Runtime_hold_for_every_device()
    {
        var cuda = OnnxRuntimeDevice.Parse("cuda:0");
        using var named = Engines(("Spade:OnnxRuntime:Batch", "4"), ("Spade:OnnxRuntime:HalfLevels", "true"));
        Assert.Equal(new OnnxRuntimeOptions { Device = cuda, Threads = 1, Batch = 4, HalfLevels = true }, named.OnnxRuntime(cuda));
        Assert.Equal(new OnnxRuntimeOptions { Threads = 1, Batch = 4, HalfLevels = true }, named.OnnxRuntime(OnnxRuntimeDevice.Cpu));
    }

    private DeviceEngines Engines(params (string Key, string Value)[] settings)
        => new(Options.Create(new SiloOptions { Models = _models, Threads = 1 }),
            new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build(),
            new ImagePreparers(), NullLogger<DeviceEngines>.Instance);
}
