using System.CommandLine;
using SpadeCluster;
using SpadeCluster.Cli.Commands;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cli.Silo;
using Spectre.Console;

NativeHeap.ReturnLargeBlocks();
// In a file or a pipe the library would wrap tables at 80 columns.
if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 1000;

var root = new RootCommand("SpadeCluster: industrial anomaly detection from good parts only (SPADE). Photographs of normal products go "
    + "into a gallery; every further photograph gets a verdict, a score and a map.")
{
    DemoCommand.Create(),
    GalleryCommands.Create(),
    ScoreCommand.Create(),
    WatchCommand.Create(),
    EvaluateCommand.Create(),
    ReproduceCommand.Create(),
    ModelCommands.Create(),
    BenchCommands.Create(),
    PlanCommand.Create(),
    ServeCommand.Create(),
    KeyCommands.Create(),
    AuditCommands.Create(),
    OutboxCommands.Create(),
    DecisionCommands.Create(),
    ReportCommands.Create(),
    ClusterCommand.Create(),
    SiloCommand.Create(),
};

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors) Console.Error.WriteLine($"spade: {error.Message}");
    Console.Error.WriteLine("spade: see 'spade --help', or --help after any command");
    return ExitCodes.Usage;
}

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    cancellation.Cancel();
};
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }, cancellation.Token);
}
catch (SpadeException e)
{
    Console.Error.WriteLine($"spade: {e.Message}");
    return ExitCodes.Of(e.Error);
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("spade: cancelled");
    return ExitCodes.Cancelled;
}
catch (OutOfMemoryException)
{
    Console.Error.WriteLine("spade: this needs more memory than this process may use: free memory, raise the limit, or use fewer or "
        + "smaller images or models");
    return ExitCodes.BadData;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"spade: {e.Message}");
    return ExitCodes.BadData;
}
