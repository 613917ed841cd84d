using System.Runtime.Intrinsics;

namespace SpadeCluster.Cli.Bench;

/// <summary>The machine of a measurement.</summary>
internal static class Machine
{
    public static string Describe()
    {
        string vectors = Vector512.IsHardwareAccelerated ? "512-bit vectors" : Vector256.IsHardwareAccelerated ? "256-bit vectors"
            : "no wide vectors";
        return $"{Processor()}, {Environment.ProcessorCount} processors, {vectors}";
    }

    private static string Processor()
    {
        const string Info = "/proc/cpuinfo";
        string? line = File.Exists(Info)
            ? File.ReadLines(Info).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':') + 1)..].Trim() ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown processor";
    }
}
