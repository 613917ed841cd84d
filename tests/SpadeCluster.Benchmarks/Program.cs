using BenchmarkDotNet.Running;

// dotnet run -c Release --project tests/SpadeCluster.Benchmarks -- --filter '*Kernel*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
