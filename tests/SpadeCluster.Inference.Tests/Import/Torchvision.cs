using System.Diagnostics;
using System.Runtime.InteropServices;
using SpadeCluster.Features;

namespace SpadeCluster.Inference.Tests.Import;

/// <summary>torchvision's networks, run by the Python of Debian's python3-torchvision.</summary>
internal static class Torchvision
{
    private const string Python = "/usr/bin/python3";

    private const string Forward = """
        import json, struct, sys, numpy, torch, torchvision
        name, weights, image, out = sys.argv[1:]
        data = open(weights, "rb").read()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__")
        def tensor(v):
            first, end = v["data_offsets"]
            return torch.from_numpy(numpy.frombuffer(data, "<f4", (end - first) // 4, 8 + size + first).reshape(v["shape"]).copy())
        state = {k: tensor(v) for k, v in header.items()}
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

    public static string? Missing { get; } = File.Exists(Python) && Run("import torch, torchvision").Length == 0 ? null
        : "needs /usr/bin/python3 with torch and torchvision, which are not here";

    /// <summary>Levels 1 to 3 ([y][x][channel]) and the pooled feature of one image.</summary>
    /// <param name="weights">A safetensors file of float32 tensors only.</param>
    public static float[][] Features(string network, string weights, RgbImage image, TemporaryFolder folder)
    {
        File.WriteAllBytes(folder.In("image"), image.Pixels);
        Assert.Equal("", Run(Forward, network, weights, folder.In("image"), folder.Path + "/"));
        return [.. new[] { "level1", "level2", "level3", "pooled" }.Select(o => MemoryMarshal.Cast<byte,
            float>(File.ReadAllBytes(folder.In(o))).ToArray())];
    }

    /// <summary>Runs a script; returns its standard error.</summary>
    public static string Run(string script, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Python, ["-W", "ignore", "-c", script, .. arguments])
        {
            RedirectStandardError = true
        })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : $"exit code {process.ExitCode}: {errors}";
    }
}

/// <summary>Skipped, by name, where torchvision is absent.</summary>
public sealed class TorchTheoryAttribute : TheoryAttribute
{
    public TorchTheoryAttribute() => Skip = Torchvision.Missing;
}

/// <inheritdoc cref="TorchTheoryAttribute"/>
public sealed class TorchFactAttribute : FactAttribute
{
    public TorchFactAttribute() => Skip = Torchvision.Missing;
}
