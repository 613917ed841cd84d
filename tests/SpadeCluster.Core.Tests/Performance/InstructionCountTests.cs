using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace SpadeCluster.Core.Tests.Performance;

/// <summary>Instructions of three kernels, counted by valgrind's callgrind: unlike time, they are the same on every machine and under any
/// load. The limits are 15 % around instructions.json.</summary>
public sealed partial class InstructionCountTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const double Tolerance = 0.15;

    // Enough runs that the scatter of the start, about 30,000 instructions, is less than 0.1 % of each.
    private static readonly (string Kernel, int Times)[] Kernels = [("block", 2_000), ("distance", 100_000), ("smoothing", 60)];

    [ValgrindFact]
    public async Task Kernels_take_no_more_instructions_than_before()
    {
        var baseline = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Performance",
            "instructions.json"))).RootElement;
        // Another version of the JIT makes other code.
        Assert.Equal(baseline.GetProperty("runtime").GetInt32(), Environment.Version.Major);
        // valgrind 3.19 has no AVX-512; the program runs the 256-bit path by name.
        Assert.Equal(256, baseline.GetProperty("vectorBits").GetInt32());

        // What the start takes drops out.
        int[] once = [.. Kernels.Select(_ => 1)];
        long start = await CountAsync(once);
        var problems = new List<string>();
        for (int k = 0; k < Kernels.Length; k++)
        {
            var (kernel, times) = Kernels[k];
            double each = (await CountAsync([.. once.Select((one, i) => i == k ? times : one)]) - start) / (double)(times - 1);
            double ratio = each / baseline.GetProperty(kernel).GetDouble();
            string seen = string.Create(CultureInfo.InvariantCulture, $"{kernel}: {each:0} instructions, {ratio:0.000} of the baseline");
            output.WriteLine(seen);
            if (ratio > 1 + Tolerance) problems.Add($"{seen}: too many; make it faster, or write this figure into instructions.json");
            if (ratio < 1 - Tolerance) problems.Add($"{seen}: write this figure into instructions.json, so that it is the next limit");
        }
        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    /// <summary>Instructions of a process that runs each kernel so often.</summary>
    private static async Task<long> CountAsync(int[] times)
    {
        string program = Path.Combine(AppContext.BaseDirectory.Replace("SpadeCluster.Core.Tests", "SpadeCluster.Benchmarks"),
            "SpadeCluster.Benchmarks.dll");
        var info = new ProcessStartInfo("valgrind", ["--tool=callgrind", "--callgrind-out-file=/dev/null", "dotnet",
            program, "--repeat", .. times.Select(t => t.ToString(CultureInfo.InvariantCulture))])
        {
            RedirectStandardError = true,
        };
        // Each method is compiled once, at its first call, and one thread does all: otherwise counts differ from run to run.
        foreach (var (name, value) in new[] { ("TieredCompilation", "0"), ("PROCESSOR_COUNT", "1"), ("EnableDiagnostics", "0") })
            info.Environment[$"DOTNET_{name}"] = value;
        using var process = Process.Start(info)!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, error);
        return long.Parse(Collected().Match(error).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"Collected : (\d+)")]
    private static partial Regex Collected();
}

internal sealed class ValgrindFactAttribute : FactAttribute
{
    public ValgrindFactAttribute()
    {
        if (!Avx2.IsSupported) Skip = "needs a processor with AVX2";
        else if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "valgrind"))))
            Skip = "needs valgrind (Debian package valgrind)";
    }
}
