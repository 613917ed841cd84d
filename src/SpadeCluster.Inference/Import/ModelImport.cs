using System.Security.Cryptography;

namespace SpadeCluster.Inference.Import;

/// <summary>Turns published weights (safetensors, PyTorch's .pth) into a model folder.</summary>
public static class ModelImport
{
    /// <summary>The architectures that <see cref="Run"/> supports.</summary>
    public static IReadOnlyList<string> Architectures { get; } = [.. ResNetArchitecture.All.Select(a => a.Name)];

    /// <summary>The files that torchvision 0.14 and later download, without the extension.</summary>
    internal static readonly string[] Published =
    [
        "resnet18-f37072fd", "resnet34-b627a593", "resnet50-0676ba61", "resnet50-11ad3fa6", "resnet101-63fe2227", "resnet101-cd907fc2",
        "wide_resnet50_2-95faca4d", "wide_resnet50_2-9ba9bcbe",
    ];

    /// <summary>Reads weights, folds batch normalisation, writes model.onnx and model.json to <paramref name="outDirectory"/>.</summary>
    /// <param name="licence">The licence of the weights; kept in the manifest.</param>
    /// <param name="aggregate">See <see cref="ModelManifest.Aggregate"/>; above 1, levels are also scaled, if the architecture's scales are
    /// known.</param>
    /// <param name="replace">Whether another model in that folder may be replaced.</param>
    /// <exception cref="SpadeException">InvalidArgument: unknown architecture, or a file that is damaged or lacks a tensor.
    /// NotFound: no such file. FailedPrecondition: the folder holds something else.</exception>
    public static InferenceModel Run(string architecture, string weightsPath, string outDirectory, string? licence = null, int aggregate =
        1, bool replace = false)
    {
        var known = ResNetArchitecture.All.FirstOrDefault(a => a.Name == architecture)
            ?? throw new SpadeException(SpadeError.InvalidArgument,
                $"unknown architecture '{architecture}'; known are {string.Join(", ", Architectures)}");
        string file = Identify(architecture, weightsPath);
        var weights = WeightsFile.Open(weightsPath);
        using var open = weights as IDisposable;
        var built = ResNetBuilder.Build(known, weights, licence ?? "unknown: see where the weights came from", $"{known.Origin}; {file}");
        var model = InferenceModel.Create(built.Manifest with
        {
            Aggregate = aggregate,
            LevelScales = aggregate > 1 ? known.LevelScales : null,
        }, built.Network, built.Source);
        ModelFolder.Write(outDirectory, model, replace);
        return model;
    }

    /// <summary>Identifies a file: PyTorch publishes ARCHITECTURE-DIGITS.pth, where DIGITS are the first digits of the file's SHA-256. If a
    /// file has such a name, its digits are checked; otherwise a published file is recognised by its SHA-256.</summary>
    private static string Identify(string architecture, string path)
    {
        string digest;
        using (var file = WeightsFile.OpenRead(path)) digest = Convert.ToHexStringLower(SHA256.HashData(file));
        string name = Path.GetFileName(path), stem = Path.GetFileNameWithoutExtension(path);
        if (stem.StartsWith($"{architecture}-", StringComparison.Ordinal) && name.EndsWith(".pth", StringComparison.OrdinalIgnoreCase))
        {
            string digits = stem[(architecture.Length + 1)..];
            if (digits.Length == 8 && digits.All(char.IsAsciiHexDigitLower) && !digest.StartsWith(digits, StringComparison.Ordinal))
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"{path} has the SHA-256 {digest}, which does not begin with {digits} as its name says; download it again, or " +
                    $"rename it if it is another file");
        }
        string published = Published.FirstOrDefault(p => p == $"{architecture}-{digest[..8]}") is { } known ? $"published as {known}.pth"
            : "not a file that PyTorch publishes";
        return $"{name}, SHA-256 {digest}, {published}";
    }
}
