using System.Security.Cryptography;

namespace SpadeCluster.Inference.Import;

/// <summary>Turns published weights (safetensors, PyTorch's .pth) into a model folder.</summary>
public static class ModelImport
{
    /// <summary>The names <see cref="Run"/> knows.</summary>
    public static IReadOnlyList<string> Architectures { get; } = [.. ResNetArchitecture.All.Select(a => a.Name)];

    /// <summary>Reads weights, folds batch normalisation, writes model.onnx and model.json to <paramref name="outDirectory"/>.</summary>
    /// <param name="licence">What the weights' publisher allows; kept in the manifest.</param>
    /// <param name="replace">Whether another model in that folder may be replaced.</param>
    /// <exception cref="SpadeException">InvalidArgument: unknown architecture, or a file that is damaged or lacks a tensor.
    /// NotFound: no such file. FailedPrecondition: the folder holds something else.</exception>
    public static InferenceModel Run(string architecture, string weightsPath, string outDirectory, string? licence = null, bool replace = false)
    {
        var known = ResNetArchitecture.All.FirstOrDefault(a => a.Name == architecture)
            ?? throw new SpadeException(SpadeError.InvalidArgument, $"unknown architecture '{architecture}'; known are {string.Join(", ", Architectures)}");
        CheckName(architecture, weightsPath);
        var weights = WeightsFile.Open(weightsPath);
        using var open = weights as IDisposable;
        var model = ResNetBuilder.Build(known, weights, licence ?? "unknown: see where the weights came from", known.Origin);
        ModelFolder.Write(outDirectory, model, replace);
        return model;
    }

    /// <summary>PyTorch publishes ARCHITECTURE-DIGITS.pth, the digits being the first of the file's SHA-256.</summary>
    private static void CheckName(string architecture, string path)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        if (!name.StartsWith($"{architecture}-", StringComparison.Ordinal) || !Path.GetExtension(path).Equals(".pth", StringComparison.OrdinalIgnoreCase)) return;
        string digits = name[(architecture.Length + 1)..];
        if (digits.Length != 8 || !digits.All(char.IsAsciiHexDigitLower)) return;
        using var file = WeightsFile.OpenRead(path);
        string actual = Convert.ToHexStringLower(SHA256.HashData(file));
        if (!actual.StartsWith(digits, StringComparison.Ordinal))
            throw new SpadeException(SpadeError.InvalidArgument, $"{path} has the SHA-256 {actual}, which does not begin with {digits} as its name promises; download it again, or rename it if it is another file");
    }
}
