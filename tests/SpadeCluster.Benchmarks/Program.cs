using System.Globalization;
using BenchmarkDotNet.Running;
using SpadeCluster.Benchmarks.Instructions;

// dotnet run -c Release --project tests/SpadeCluster.Benchmarks -- --filter '*Kernel*'
// With --repeat TIMES TIMES TIMES the program only runs three kernels so often, for InstructionCountTests.
if (args is ["--repeat", .. { Length: 3 } times]) CountedKernels.Repeat([.. times.Select(t => int.Parse(t, CultureInfo.InvariantCulture))]);
else Benchmarks.Run(args);

/// <summary>Apart from the entry point, so that a counted run does not load BenchmarkDotNet.</summary>
internal static class Benchmarks
{
    public static void Run(string[] args) => BenchmarkSwitcher.FromAssembly(typeof(Benchmarks).Assembly).Run(args);
}
