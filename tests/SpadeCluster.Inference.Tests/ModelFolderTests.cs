using SpadeCluster.Inference.BuiltIn;

namespace SpadeCluster.Inference.Tests;

public class ModelFolderTests
{
    private static SpadeException Refused(string folder) => Assert.Throws<SpadeException>(() => ModelFolder.Open(folder));

    [Fact]
    public void What_was_written_is_read_back()
    {
        using var temporary = new TemporaryFolder();
        var written = SmallModels.WriteOrientedEnergy(temporary.In("a/model"));
        var read = ModelFolder.Open(temporary.In("a/model"));
        Assert.Equal(written.Digest, read.Digest);
        Assert.Equal(written.Network.ToArray(), read.Network.ToArray());
        Assert.Equal(written.Manifest.Levels, read.Manifest.Levels);
        Assert.True(read.Manifest.WeightChannels);
        // no temporary folder left
        Assert.Equal(["model"], Directory.EnumerateFileSystemEntries(temporary.In("a")).Select(Path.GetFileName));
    }

    [Fact]
    public void A_model_larger_than_memory_is_refused_before_it_is_read()
    {
        using var temporary = new TemporaryFolder();
        using (var file = File.Create(temporary.In("model.onnx"))) file.SetLength(1000);
        ModelFolder.CheckMemory(temporary.In("model.onnx"), 4000);
        var e = Assert.Throws<SpadeException>(() => ModelFolder.CheckMemory(temporary.In("model.onnx"), 3999));
        Assert.Equal(SpadeError.ResourceExhausted, e.Error);
        Assert.Contains("model.onnx has 1,000 bytes; running it takes at least 4 times as much memory, and this process may use 3,999 " +
            "bytes", e.Message);
    }

    [Fact]
    public void Another_model_is_replaced_only_on_demand_and_other_files_never()
    {
        using var temporary = new TemporaryFolder();
        string folder = temporary.In("model");
        SmallModels.WriteOrientedEnergy(folder);
        SmallModels.WriteOrientedEnergy(folder); // the same again is fine
        var other = SmallModels.Of(g => g.Node("Relu", "level", ["image"]));
        Assert.Equal(SpadeError.FailedPrecondition, Assert.Throws<SpadeException>(() => ModelFolder.Write(folder, other)).Error);
        ModelFolder.Write(folder, other, replace: true);
        Assert.Equal(other.Digest, ModelFolder.Open(folder).Digest);

        File.WriteAllText(Path.Combine(folder, "notes.txt"), "mine");
        Assert.Equal(SpadeError.FailedPrecondition,
            Assert.Throws<SpadeException>(() => SmallModels.WriteOrientedEnergy(folder, replace: true)).Error);
        Assert.Equal(other.Digest, ModelFolder.Open(folder).Digest);
    }

    [Fact]
    public void A_changed_network_is_refused_naming_both_digests()
    {
        using var temporary = new TemporaryFolder();
        var model = SmallModels.WriteOrientedEnergy(temporary.Path + "/model");
        string file = temporary.In("model/model.onnx");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^5] ^= 1;
        File.WriteAllBytes(file, bytes);
        var error = Refused(temporary.In("model"));
        Assert.Equal(SpadeError.FailedPrecondition, error.Error);
        Assert.Contains(model.Manifest.Sha256, error.Message);
        Assert.Contains(InferenceModel.DigestOf(bytes), error.Message);
    }

    [Theory]
    [InlineData("{", "not a valid model manifest")]
    [InlineData("null", "is empty")]
    [InlineData("{}", "\"name\"")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":224,\"inputHeight\":0}", "inputHeight")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2]}", "\"mean\"")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2,3],\"scale\":[1,0,1]}", "\"scale\"")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2,3],\"scale\":[1,1,1],\"levels\":[\"a\",\"a\"]}",
        "\"levels\"")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2,3],\"scale\":[1,1,1],\"levels\":[\"a\"],\"pooled\":{}}",
        "\"pooled\"")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2,3],\"scale\":[1,1,1]," +
        "\"levels\":[\"a\"],\"pooled\":{\"meanOf\":\"b\"}}", "'b'")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2,3],\"scale\":[1,1,1]," +
        "\"levels\":[\"a\"],\"pooled\":{\"meanOf\":\"a\"},\"sha256\":\"12\"}", "\"sha256\"")]
    [InlineData("{\"name\":\"x\",\"inputWidth\":9,\"inputHeight\":9,\"mean\":[1,2,3],\"scale\":[1,1,1]," +
        "\"levels\":[\"a\"],\"pooled\":{\"meanOf\":\"a\"},\"aggregate\":2}", "\"aggregate\"")]
    public void A_manifest_that_makes_no_sense_is_refused_by_field(string json, string named)
    {
        using var temporary = new TemporaryFolder();
        SmallModels.WriteOrientedEnergy(temporary.In("model"));
        File.WriteAllText(temporary.In("model/model.json"), json);
        var error = Refused(temporary.In("model"));
        Assert.Equal(SpadeError.InvalidArgument, error.Error);
        Assert.Contains(named, error.Message);
    }

    [Fact]
    public void Missing_parts_are_not_found()
    {
        using var temporary = new TemporaryFolder();
        Assert.Equal(SpadeError.NotFound, Refused(temporary.In("nowhere")).Error);
        SmallModels.WriteOrientedEnergy(temporary.In("model"));
        File.Delete(temporary.In("model/model.onnx"));
        Assert.Equal(SpadeError.NotFound, Refused(temporary.In("model")).Error);
    }

    [Fact]
    public void The_digest_covers_all_that_decides_the_features_and_nothing_else()
    {
        var m = OrientedEnergy.Open().Manifest;
        string digest = m.FeatureDigest();
        ModelManifest[] others =
        [
            m with { Mean = [0, 0, 0.5f] }, m with { Scale = [255, 255, 254] }, m with { ChannelOrder = ChannelOrder.BGR }, m
                with { InputWidth = 225 },
            m with { Levels = ["level1", "level2"] }, m with { Pooled = new(MeanOf: "level1") }, m with { Sha256 = new('a', 64) }, m
                with { Aggregate = 3 },
            m with { LevelScales = [1, 1, 0.5f] },
        ];
        Assert.Equal(others.Length + 1, others.Select(o => o.FeatureDigest()).Append(digest).Distinct().Count());
        // Galleries made before models had an aggregate are bound to this digest.
        Assert.Equal("d42ee47f3f6756497bed4fb65e2fbf6629294cacfce35e3e6c4e224fe661b84b", digest);
        Assert.Equal(digest, (m with { Name = "other", Licence = "other", Origin = "other", WeightChannels = false }).FeatureDigest());
    }
}
