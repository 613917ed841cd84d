using System.Diagnostics;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Inference.Managed;

namespace SpadeCluster.Inference.Tests.Import;

/// <summary>Imported networks against torchvision's own, with the same random weights.</summary>
public class TorchvisionTests
{
    private const string Python = "/usr/bin/python3";

    private const string Script = """
        import json, struct, sys, numpy, torch, torchvision
        name, weights, image, out = sys.argv[1:]
        data = open(weights, "rb").read()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__")
        state = {k: torch.from_numpy(numpy.frombuffer(data, "<f4", (v["data_offsets"][1] - v["data_offsets"][0]) // 4, 8 + size + v["data_offsets"][0]).reshape(v["shape"]).copy()) for k, v in header.items()}
        model = getattr(torchvision.models, name)()
        wrong = [k for k in model.load_state_dict(state, strict=False).missing_keys if not k.startswith("fc.") and "num_batches" not in k]
        assert not wrong, wrong
        model.eval()
        x = torch.from_numpy(numpy.fromfile(image, "u1").reshape(1, 224, 224, 3).astype("f4") / 255).permute(0, 3, 1, 2)
        x = (x - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        def save(name, t): t.numpy().astype("<f4").tofile(out + name)
        with torch.no_grad():
            x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
            for i in (1, 2, 3):
                x = getattr(model, f"layer{i}")(x)
                save(f"level{i}", x[0].permute(1, 2, 0).contiguous())
            save("pooled", model.avgpool(model.layer4(x)).flatten())
        """;

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
        await File.WriteAllBytesAsync(folder.In("image"), image.Pixels);
        Assert.Equal("", TorchTheoryAttribute.Run(Script, name, folder.In("w"), folder.In("image"), folder.Path + "/"));
        foreach (var (output, actual) in features.Levels.Select((l, i) => ($"level{i + 1}", l)).Append(("pooled", features.Pooled)))
            Assert.InRange(ModelVerification.RelativeError(actual, MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(folder.In(output)))), 0, 1e-5);
    }

    private sealed class TorchTheoryAttribute : TheoryAttribute
    {
        public TorchTheoryAttribute()
        {
            if (!File.Exists(Python) || Run("import torch, torchvision").Length > 0) Skip = "needs /usr/bin/python3 with torch and torchvision, which are not here";
        }

        /// <summary>Runs a script; returns what it complained about.</summary>
        public static string Run(string script, params string[] arguments)
        {
            using var process = Process.Start(new ProcessStartInfo(Python, ["-W", "ignore", "-c", script, .. arguments]) { RedirectStandardError = true })!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? "" : $"exit code {process.ExitCode}: {errors}";
        }
    }
}
