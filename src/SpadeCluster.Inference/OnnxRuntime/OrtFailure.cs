using System.Text.RegularExpressions;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>What ONNX Runtime's messages mean to us. It has few error codes; most say "fail" and tell the rest in words.</summary>
internal static partial class OrtFailure
{
    private static readonly string[] NoMemory = ["out of memory", "Failed to allocate", "bad_alloc", "bad allocation", "CUDA_ERROR_OUT_OF_MEMORY", "cudaErrorMemoryAllocation", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "Available memory of"];
    private static readonly string[] NoDevice = ["CUDA failure", "CUDA error", "cudaError", "CUDNN", "CUBLAS", "cuda"];

    /// <summary>While a session is made: the model is at fault unless the message names memory.</summary>
    public static SpadeException AtLoad(Exception e, string source, OnnxRuntimeDevice device) =>
        IsNoMemory(e) ? new(SpadeError.ResourceExhausted, $"{source} does not fit into the memory of {device}: {FirstLine(e)}", e)
        : device.Cuda is not null && Mentions(e, NoDevice) ? NoCuda(e, device)
        : new(SpadeError.InvalidArgument, $"ONNX Runtime cannot run {source}: {FirstLine(e)}", e);

    /// <summary>The CUDA provider could not be had.</summary>
    public static SpadeException NoCuda(Exception e, OnnxRuntimeDevice device) =>
        new(SpadeError.Unavailable, $"device {device} cannot be used: {FirstLine(e)}; it takes an NVIDIA driver, CUDA 12, cuDNN 9 and a build with -p:Gpu=true, or choose device cpu", e);

    /// <summary>During a run: memory, or else the device is taken for lost.</summary>
    public static SpadeException AtRun(Exception e, string source, OnnxRuntimeDevice device) =>
        IsNoMemory(e) ? new(SpadeError.ResourceExhausted, $"{device} has not the memory to run {source}: {FirstLine(e)}; use a smaller batch or a larger memory limit", e)
        : new(SpadeError.Unavailable, $"{device} failed while running {source}: {FirstLine(e)}", e);

    private static bool IsNoMemory(Exception e) => e is OutOfMemoryException || Mentions(e, NoMemory);

    private static bool Mentions(Exception e, string[] words) => words.Any(w => e.Message.Contains(w, StringComparison.OrdinalIgnoreCase));

    /// <summary>Its messages begin with an error code and end with source lines and stack traces; a person needs what is between.</summary>
    private static string FirstLine(Exception e)
    {
        string line = Preamble().Replace(e.Message.Split('\n', 2)[0], "").Trim();
        return line.Length <= 300 ? line : line[..300] + "...";
    }

    /// <summary>"[ErrorCode:Fail] " and, before messages passed on from within, "FILE:LINE FUNCTION [ONNXRuntimeError] : 1 : FAIL : ".</summary>
    [GeneratedRegex(@"^.*\[ONNXRuntimeError\] : \d+ : \w+ : |^\[ErrorCode:\w+\] ")]
    private static partial Regex Preamble();
}
