using System.Text.RegularExpressions;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// ONNX Runtime's exceptions as ours. They carry no error code that a program can read, so the call that failed decides what
/// a failure means; the runtime's own words are passed on for people.
/// </summary>
internal static partial class OrtFailure
{
    /// <summary>A session could not be made or its first run failed: the model is at fault, or memory is short.</summary>
    public static SpadeException AtLoad(Exception e, string source) => e is OutOfMemoryException
        ? new(SpadeError.ResourceExhausted, $"{source} does not fit into this process's memory: {FirstLine(e)}", e)
        : new(SpadeError.InvalidArgument, $"ONNX Runtime cannot run {source}: {FirstLine(e)}", e);

    /// <summary>A model that runs on the CPU does not run on this device.</summary>
    public static SpadeException NoDevice(Exception e, OnnxRuntimeDevice device) => new(SpadeError.Unavailable,
        $"device {device} cannot be used: {FirstLine(e)}; it needs an NVIDIA driver, CUDA 13, cuDNN 9 and enough memory, or choose " +
            $"device cpu", e);

    /// <summary>A session that has worked fails: the device is lost, or its memory is short.</summary>
    public static SpadeException AtRun(Exception e, string source, OnnxRuntimeDevice device) => e is OutOfMemoryException
        ? new(SpadeError.ResourceExhausted,
            $"there is not enough memory to run {source} on {device}: {FirstLine(e)}; use a smaller batch", e)
        : new(SpadeError.Unavailable, $"{device} failed while running {source}: {FirstLine(e)}", e);

    /// <summary>The runtime's messages begin with an error code and end with source lines and stack traces; people need the
    /// middle.</summary>
    private static string FirstLine(Exception e)
    {
        string line = Preamble().Replace(e.Message.Split('\n', 2)[0], "").Trim();
        return line.Length <= 300 ? line : line[..300] + "...";
    }

    /// <summary>"[ErrorCode:Fail] " and, before messages passed on from within, "FILE:LINE FUNCTION [ONNXRuntimeError] : 1 : FAIL :
    /// ".</summary>
    [GeneratedRegex(@"^.*\[ONNXRuntimeError\] : \d+ : \w+ : |^\[ErrorCode:\w+\] ")]
    private static partial Regex Preamble();
}
