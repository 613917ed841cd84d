using System.IO.Compression;
using System.Text;
using SpadeCluster.Inference.Import;

namespace SpadeCluster.Inference.Tests.Import;

/// <summary>PyTorch's own files, and files that PyTorch would run.</summary>
public class TorchFileTests
{
    private const string Save = """
        import json, struct, sys, collections, numpy, torch
        weights, out = sys.argv[1:]
        data = open(weights, "rb").read()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__")
        def tensor(v):
            first, end = v["data_offsets"]
            return torch.from_numpy(numpy.frombuffer(data, "<f4", (end - first) // 4, 8 + size + first).reshape(v["shape"]).copy())
        state = collections.OrderedDict((k, tensor(v)) for k, v in header.items())
        state["bn1.num_batches_tracked"] = torch.tensor(7)
        state._metadata = collections.OrderedDict([("", {"version": 1})])
        torch.save(state, out + "zip.pth")
        torch.save(state, out + "older.pth", _use_new_zipfile_serialization=False)
        parameters = {k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in state.items()}
        torch.save({"epoch": 3, "lr": 0.1, "state_dict": parameters}, out + "checkpoint.pth")
        torch.save({"half": torch.arange(6).half(), "brain": torch.arange(6).bfloat16(), "double": torch.arange(6).double(),
                    "long": torch.arange(6), "part": torch.arange(20.)[5:9], "turned": torch.arange(6.).reshape(2, 3).t(),
                    "nan": torch.tensor([1., float("nan")])}, out + "kinds.pth")
        torch.save(torch.nn.Linear(2, 2), out + "model.pth")
        """;

    private static readonly Lazy<TemporaryFolder> Files = new(() =>
    {
        var folder = new TemporaryFolder();
        var weights = new RecordingWeights(1);
        ResNetBuilder.Build(ResNetArchitecture.All[0], weights, "", "");
        weights.Write(folder.In("w"));
        Assert.Equal("", Torchvision.Run(Save, folder.In("w"), folder.Path + "/"));
        return folder;
    });

    [TorchTheory]
    [InlineData("zip.pth")]
    [InlineData("older.pth")]
    [InlineData("checkpoint.pth")]
    public void Weights_arrive_to_the_bit(string file)
    {
        using var folder = new TemporaryFolder();
        var expected = ModelImport.Run("resnet18", Files.Value.In("w"), folder.In("safetensors"));
        Assert.Equal(expected.Digest, ModelImport.Run("resnet18", Files.Value.In(file), folder.In("torch")).Digest);
    }

    [TorchFact]
    public void A_published_name_promises_the_digest()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = File.ReadAllBytes(Files.Value.In("zip.pth"));
        string digest = InferenceModel.DigestOf(bytes), right = folder.In($"resnet18-{digest[..8]}.pth"), wrong =
            folder.In("resnet18-f37072fd.pth");
        File.WriteAllBytes(right, bytes);
        File.WriteAllBytes(wrong, bytes);
        Assert.EndsWith($"; resnet18-{digest[..8]}.pth, SHA-256 {digest}, not a file that PyTorch publishes",
            ModelImport.Run("resnet18", right, folder.In("right")).Manifest.Origin);
        Assert.Contains($"SHA-256 {digest}, which does not begin with f37072fd",
            Assert.Throws<SpadeException>(() => ModelImport.Run("resnet18", wrong, folder.In("wrong"))).Message);
    }

    [TorchFact]
    public void The_published_names_are_those_that_torchvision_downloads() =>
        Assert.Equal("", Torchvision.Run("import sys, torchvision.models.resnet as r; text = open(r.__file__).read(); missing = [n for " +
            "n in sys.argv[1].split() if f'/models/{n}.pth' not in text]; assert not missing, missing",
            string.Join(' ', ModelImport.Published)));

    [TorchFact]
    public void Other_types_and_views()
    {
        using var file = new TorchFile(Files.Value.In("kinds.pth"));
        foreach (string name in new[] { "half", "brain", "double" }) Assert.Equal([0, 1, 2, 3, 4, 5], file.Get(name, 6));
        Assert.Equal([5, 6, 7, 8], file.Get("part", 4));
        Assert.Contains("not stored contiguously", Assert.Throws<SpadeException>(() => file.Get("turned", 3, 2)).Message);
        Assert.Contains("floating-point", Assert.Throws<SpadeException>(() => file.Get("long", 6)).Message);
        Assert.Contains("NaN", Assert.Throws<SpadeException>(() => file.Get("nan", 2)).Message);
        Assert.Contains("[6]", Assert.Throws<SpadeException>(() => file.Get("half", 2, 3)).Message);
        Assert.Contains("no tensor 'none'", Assert.Throws<SpadeException>(() => file.Get("none", 1)).Message);
    }

    [TorchFact]
    public void A_pickled_model_is_refused()
    {
        var e = Assert.Throws<SpadeException>(() => new TorchFile(Files.Value.In("model.pth")).Dispose());
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("save model.state_dict() instead", e.Message);
    }

    [TorchTheory]
    [InlineData("zip.pth")]
    [InlineData("older.pth")]
    public void Truncated_and_damaged_files_are_errors(string file)
    {
        using var folder = new TemporaryFolder();
        byte[] whole = File.ReadAllBytes(Files.Value.In(file));
        var random = new Random(1);
        for (int run = 0; run < 60; run++)
        {
            byte[] data = run < 20 ? whole[..random.Next(whole.Length)] : [.. whole];
            if (run >= 20)
                // where the structure is, in the older format
                for (int n = 0; n < 8; n++) data[random.Next(Math.Min(data.Length, 9000))] = (byte)random.Next(256);
            File.WriteAllBytes(folder.In("w"), data);
            try
            {
                ModelImport.Run("resnet18", folder.In("w"), folder.In("model"), replace: true);
                Assert.True(run >= 20, "a truncated file was read");
            }
            catch (SpadeException e)
            {
                Assert.Equal(SpadeError.InvalidArgument, e.Error);
            }
        }
    }

    /// <summary>A pickle may call any function. Such a call is named and refused.</summary>
    [Theory]
    [InlineData("cos\nsystem\n(X\u0004\0\0\0truetR.", "'os.system'")]
    [InlineData("cbuiltins\neval\n(X\u0001\0\0\01tR.", "'builtins.eval'")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v2\n)R.", "unusual arguments")]
    [InlineData("ccollections\nOrderedDict\n(K\u0001tR.", "unusual arguments")]
    [InlineData("(ios\nsystem\n.", "operation 0x69")]
    [InlineData("cos\nsystem\n)\u0081.", "operation 0x81")]
    [InlineData("c__main__\nNet\n)\u0081.", "save model.state_dict() instead")]
    [InlineData("h\u0005.", "has not stored")]
    [InlineData("t.", "did not open")]
    [InlineData("}K\u0001K\u0002s.", "keys are not names")]
    [InlineData("K\u0001K\u0002a.", "not a container")]
    [InlineData("X\u00ff\u00ff\u00ff\u007f", "structure, or is damaged")]
    [InlineData("(((", "ends too early")]
    public void Nothing_in_a_pickle_is_run(string program, string says)
    {
        using var folder = new TemporaryFolder();
        using (var zip = ZipFile.Open(folder.In("w"), ZipArchiveMode.Create))
        using (var entry = zip.CreateEntry("archive/data.pkl").Open())
            entry.Write([0x80, 0x02, .. Encoding.Latin1.GetBytes(program)]);
        var e = Assert.Throws<SpadeException>(() => WeightsFile.Open(folder.In("w")));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains(says, e.Message);
    }

    [Fact]
    public void A_zip_that_is_no_torch_file_and_a_missing_file()
    {
        using var folder = new TemporaryFolder();
        using (var zip = ZipFile.Open(folder.In("w"), ZipArchiveMode.Create)) zip.CreateEntry("readme.txt");
        Assert.Contains("no data.pkl", Assert.Throws<SpadeException>(() => WeightsFile.Open(folder.In("w"))).Message);
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => WeightsFile.Open(folder.In("none"))).Error);
        foreach (byte[] damaged in new byte[][] { [], [.. "PX\u0003\u0004 whatever follows"u8] })
        {
            File.WriteAllBytes(folder.In("w.pth"), damaged);
            var e = Assert.Throws<SpadeException>(() => WeightsFile.Open(folder.In("w.pth")));
            Assert.Equal(SpadeError.InvalidArgument, e.Error);
            Assert.Contains("begins neither as safetensors nor as torch.save's", e.Message);
        }
    }
}
