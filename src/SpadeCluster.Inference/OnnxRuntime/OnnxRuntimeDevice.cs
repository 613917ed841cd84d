using System.Globalization;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>The device of a session: the CPU or a CUDA device.</summary>
/// <param name="Cuda">The CUDA device's number; null for the CPU.</param>
public readonly record struct OnnxRuntimeDevice(int? Cuda)
{
    public static OnnxRuntimeDevice Cpu => default;

    /// <param name="text">cpu, cuda (the first device) or cuda:N.</param>
    /// <exception cref="SpadeException">InvalidArgument: none of these.</exception>
    public static OnnxRuntimeDevice Parse(string text) => text switch
    {
        "cpu" => Cpu,
        "cuda" => new(0),
        _ when text.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int id) => new(id),
        _ => throw new SpadeException(SpadeError.InvalidArgument, $"'{text}' is not a device; choose cpu, cuda or cuda:N (N from 0)"),
    };

    public string Provider => Cuda is null ? "CPU" : "CUDA";

    public override string ToString() => Cuda is { } id ? string.Create(CultureInfo.InvariantCulture, $"cuda:{id}") : "cpu";
}
