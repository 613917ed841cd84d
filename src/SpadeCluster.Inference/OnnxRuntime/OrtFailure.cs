using System.Text.RegularExpressions;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// Translates ONNX Runtime's exceptions. They have no machine-readable error code, so the failed call decides the kind of the error; the
/// runtime's message is included for people.
/// </summary>
internal static partial class OrtFailure
{
    /// <summary>A session could not be made or its first run failed: the model is invalid, or memory is too small.</summary>
    public static SpadeException AtLoad(Exception e, string source, ModelManifest manifest) => e is OutOfMemoryException
        ? new(SpadeError.ResourceExhausted, $"{source} does not fit into this process's memory: {FirstLine(e)}", e)
        : new(SpadeError.InvalidArgument, $"ONNX Runtime cannot run {source}{Expected(manifest)}: {FirstLine(e)}", e);

    /// <summary>What was expected of tokens, because a wrong number of them is the likeliest mistake.</summary>
    private static string Expected(ModelManifest m) => m.Tokens is not { } tokens ? ""
        : $" with its levels as tokens of {m.InputWidth / tokens.Patch * (m.InputHeight / tokens.Patch)} cells after {tokens.Leading} "
        + "other tokens, as \"tokens\" in model.json says";

    /// <summary>A model that runs on the CPU does not run on this device.</summary>
    public static SpadeException NoDevice(Exception e, OnnxRuntimeDevice device) => new(SpadeError.Unavailable,
        $"device {device} cannot be used: {FirstLine(e)}; it needs an NVIDIA driver, CUDA 13, cuDNN 9 and enough memory, or choose " +
            $"device cpu", e);

    /// <summary>A session that has worked fails: the device is lost, or its memory is too small.</summary>
    public static SpadeException AtRun(Exception e, string source, OnnxRuntimeDevice device) => e is OutOfMemoryException
        ? new(SpadeError.ResourceExhausted,
            $"there is not enough memory to run {source} on {device}: {FirstLine(e)}; use a smaller batch", e)
        : new(SpadeError.Unavailable, $"{device} failed while running {source}: {FirstLine(e)}", e);

    /// <summary>The runtime's messages begin with an error code and end with source lines and stack traces; only the middle is useful to
    /// people.</summary>
    private static string FirstLine(Exception e)
    {
        string line = Preamble().Replace(e.Message.Split('\n', 2)[0], "").Trim();
        return line.Length <= 300 ? line : line[..300] + "...";
    }

    /// <summary>"[ErrorCode:Fail] " and, for inner messages, "FILE:LINE FUNCTION [ONNXRuntimeError] : 1 : FAIL :
    /// ".</summary>
    [GeneratedRegex(@"^.*\[ONNXRuntimeError\] : \d+ : \w+ : |^\[ErrorCode:\w+\] ")]
    private static partial Regex Preamble();
}
