using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Import;
using SpadeCluster.Inference.Tests;
using SpadeCluster.Tests;

namespace SpadeCluster.Inference.OnnxRuntime.Tests;

/// <summary>An extractor without a cache is the oracle: with one, the features have the same bits, whatever is in the cache.</summary>
public sealed class NetworkCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private int _opened;

    private NetworkCache Cache => new(_folder.In("cache"));

    private string[] Entries => Directory.Exists(_folder.In("cache")) ? Directory.GetDirectories(_folder.In("cache")) : [];

    public static TheoryData<string> Models => ["float32", "int8", "no large weights", "tokens", "built in"];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task The_second_start_does_not_read_the_model_and_has_the_same_bits(string kind)
    {
        var model = kind == "built in" ? Counted(BuiltInModels.Find(BuiltInModels.ResNet18)!) : Written(Model(kind));
        foreach (int opened in new[] { 1, 1 })
        {
            using var extractor = new OnnxRuntimeExtractor(model, null, Cache);
            await AssertSameBits(model, extractor);
            Assert.Equal(opened, _opened);
            Assert.Single(Entries);
        }
        // Half levels are another network.
        new OnnxRuntimeExtractor(model, new() { HalfLevels = true }, Cache).Dispose();
        Assert.Equal((2, 2), (_opened, Entries.Length));
    }

    [Theory]
    [InlineData("network.onnx")]
    [InlineData("weights")]
    [InlineData("entry.json")]
    public async Task What_is_damaged_is_made_again(string name)
    {
        var model = Written(Model("tokens"));
        new OnnxRuntimeExtractor(model, null, Cache).Dispose();
        string file = Path.Combine(Entries[0], name);
        byte[] good = File.ReadAllBytes(file);
        byte[] flipped = [.. good];
        flipped[good.Length / 2] ^= 1;
        byte[]?[] damaged = [null, [], good[..(good.Length / 2)], [.. good, 0], flipped, new byte[good.Length]];
        foreach (byte[]? bytes in damaged)
        {
            if (bytes is null) File.Delete(file);
            else File.WriteAllBytes(file, bytes);
            using (var extractor = new OnnxRuntimeExtractor(model, null, Cache)) await AssertSameBits(model, extractor);
            using (var next = new OnnxRuntimeExtractor(model, null, Cache)) await AssertSameBits(model, next);
        }
        Assert.Equal(1 + damaged.Length, _opened);
        Assert.Single(Entries);
    }

    /// <summary>As if the library, the processor or the weights were others: files are intact, but compute something else.</summary>
    [Fact]
    public async Task A_network_that_computes_other_features_is_not_used()
    {
        var (model, other) = (Written(SmallVit.Build(seed: 1)), Written(SmallVit.Build(seed: 2), "other"));
        new OnnxRuntimeExtractor(model, null, Cache).Dispose();
        string entry = Entries[0], json = Path.Combine(entry, "entry.json");
        string features = Field(json, "features");
        new OnnxRuntimeExtractor(other, null, Cache).Dispose();
        string another = Entries.Single(e => e != entry);
        foreach (string file in Directory.GetFiles(another)) File.Copy(file, Path.Combine(entry, Path.GetFileName(file)), overwrite: true);
        Assert.NotEqual(features, Field(json, "features"));
        File.WriteAllText(json, File.ReadAllText(json).Replace(Field(json, "features"), features));
        using var extractor = new OnnxRuntimeExtractor(model, null, Cache);
        await AssertSameBits(model, extractor);
        Assert.Equal(3, _opened);
    }

    /// <summary>Damage that the warm-up's features may not show.</summary>
    [Fact]
    public void Weights_with_another_hash_are_not_used()
    {
        var model = Written(Model("tokens"));
        new OnnxRuntimeExtractor(model, null, Cache).Dispose();
        string json = Path.Combine(Entries[0], "entry.json"), weights = Field(json, "weights");
        File.WriteAllText(json, File.ReadAllText(json).Replace(weights, new string('0', weights.Length)));
        new OnnxRuntimeExtractor(model, null, Cache).Dispose();
        Assert.Equal((2, weights), (_opened, Field(json, "weights")));
    }

    [Fact]
    public void A_model_file_that_has_changed_is_read_and_checked()
    {
        var model = Written(Model("no large weights"));
        new OnnxRuntimeExtractor(model, null, Cache).Dispose();
        byte[] bytes = File.ReadAllBytes(model.NetworkFile!);
        bytes[^1] ^= 1;
        File.WriteAllBytes(model.NetworkFile!, bytes);
        File.SetLastWriteTimeUtc(model.NetworkFile!, DateTime.UtcNow.AddMinutes(1));
        Assert.Equal(SpadeError.FailedPrecondition,
            Assert.Throws<SpadeException>(() => new OnnxRuntimeExtractor(model, null, Cache)).Error);
    }

    [Fact]
    public async Task A_network_may_be_removed_while_it_is_in_use()
    {
        var model = Written(Model("tokens"));
        new OnnxRuntimeExtractor(model, null, Cache).Dispose();
        using var extractor = new OnnxRuntimeExtractor(model, null, Cache);
        Directory.Delete(_folder.In("cache"), recursive: true);
        await AssertSameBits(model, extractor); // also in the session for one thread, which is opened now
    }

    [Fact]
    public async Task Many_can_start_at_once()
    {
        var model = Written(Model("tokens"));
        var cache = Cache;
        var extractors = await Task.WhenAll(Enumerable.Range(0, 16).Select(_
            => Task.Run(() => new OnnxRuntimeExtractor(model, null, cache))));
        foreach (var extractor in extractors)
        {
            await AssertSameBits(model, extractor);
            extractor.Dispose();
        }
        Assert.Single(Entries); // and no draft
    }

    [Fact]
    public void The_networks_used_last_are_kept_within_the_limit()
    {
        ModelSource[] models = [.. Enumerable.Range(1, 3).Select(i
            => Written(SmallVit.Build(seed: i), $"model{i}"))];
        new OnnxRuntimeExtractor(models[0], null, Cache).Dispose();
        long one = new DirectoryInfo(Entries[0]).EnumerateFiles().Sum(f => f.Length);
        var cache = new NetworkCache(_folder.In("cache"), 5 * one / 2);
        foreach (int use in new[] { 0, 1, 0, 2 }) new OnnxRuntimeExtractor(models[use], null, cache).Dispose();
        Assert.Equal((3, 2), (_opened, Entries.Length));
        new OnnxRuntimeExtractor(models[0], null, cache).Dispose();
        Assert.Equal(3, _opened);
        new OnnxRuntimeExtractor(models[1], null, cache).Dispose(); // removed when the third came
        Assert.Equal(4, _opened);
    }

    [Fact]
    public async Task Without_a_folder_to_write_there_is_no_cache()
    {
        var model = Written(Model("no large weights"));
        File.WriteAllText(_folder.In("cache"), "a file");
        foreach (int opened in new[] { 1, 2 })
        {
            using var extractor = new OnnxRuntimeExtractor(model, null, Cache);
            Assert.Equal(opened, _opened);
            await AssertSameBits(model, extractor);
        }
    }

    [MountFact]
    public async Task A_full_disk_means_no_cache_and_keeps_nothing()
    {
        using var disk = new TemporaryDisk("1m");
        var model = Written(Model("float32"));
        using var extractor = new OnnxRuntimeExtractor(model, null, new(disk.Folder));
        await AssertSameBits(model, extractor);
        Assert.Empty(Directory.EnumerateFileSystemEntries(disk.Folder));
        disk.MakeReadOnly();
        using var second = new OnnxRuntimeExtractor(model, null, new(disk.Folder));
        await AssertSameBits(model, second);
    }

    public void Dispose() => _folder.Dispose();

    private static InferenceModel Model(string kind) => kind switch
    {
        "no large weights" => SmallModels.Of(g => g.Node("Relu", "level", ["image"])),
        "tokens" => SmallVit.Build(),
        "int8" => Int8Conversion.Run(Model("float32"), [ModelVerification.Image(Input, 1), ModelVerification.Image(Input, 2)]),
        _ => SyntheticResNet.Build(ResNetArchitecture.All[0], 1),
    };

    private static string Field(string json, string name) => JsonDocument.Parse(File.ReadAllText(json)).RootElement.EnumerateObject()
        .Single(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value.GetString()!;

    private static FeatureModel Input => new("", "", 224, 224, [], 0, false);

    private ModelSource Written(InferenceModel model, string name = "model")
    {
        ModelFolder.Write(_folder.In(name), model);
        return Counted(ModelSource.In(_folder.In(name)));
    }

    private ModelSource Counted(ModelSource model) => model with
    {
        Open = () =>
        {
            Interlocked.Increment(ref _opened);
            return model.Open();
        }
    };

    /// <summary>With all threads and, when there are many images, with one for each.</summary>
    private async Task AssertSameBits(ModelSource model, OnnxRuntimeExtractor extractor)
    {
        int opened = _opened;
        using var oracle = new OnnxRuntimeExtractor(model.Open());
        _opened = opened;
        Assert.Equal(oracle.Model, extractor.Model with { Levels = oracle.Model.Levels });
        RgbImage[] images = [.. Enumerable.Range(0, 4).Select(i => ModelVerification.Image(oracle.Model, i))];
        var together = images.Select(_ => new ImageFeatures(extractor.Model)).ToArray();
        await extractor.ExtractAsync(images, together);
        for (int i = 0; i < images.Length; i++)
        {
            var expected = await Extraction.Of(oracle, images[i]);
            Extraction.AssertSameBits(expected, await Extraction.Of(extractor, images[i]));
            Extraction.AssertSameBits(expected, together[i]);
        }
    }
}
