// Scores photographs with the C# client, several at a time, and prints verdict, score and regions of each.
// Usage: dotnet run --project docs/examples/csharp -- CATEGORY PHOTOGRAPH...
using System.Globalization;
using SpadeCluster.Client;
using SpadeCluster.Galleries;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var options = SpadeClientOptions.For(Environment.GetEnvironmentVariable("SPADE_GRPC") ?? "127.0.0.1:5081");
if (Environment.GetEnvironmentVariable("SPADE_KEY") is { } key) options.Headers["authorization"] = $"Bearer {key}";
using var spade = new SpadeClient(options);

var photographs = args.Skip(1).Select(path => new ImageSource(path, async stop => await File.ReadAllBytesAsync(path, stop)));
bool failed = false;
// Outcomes have the order of the photographs. A broken connection is repeated; a photograph that fails has an error.
await foreach (var outcome in spade.ScoreManyAsync(args[0], photographs))
{
    if (outcome.Score is { } score)
    {
        var boxes = score.Regions.Select(r => $"({r.Box.X}, {r.Box.Y}, {r.Box.Width}, {r.Box.Height})");
        Console.WriteLine($"{outcome.Name}: {score.Verdict} {score.PredScore:0.00} [{string.Join(", ", boxes)}]");
    }
    else
    {
        Console.Error.WriteLine($"{outcome.Name}: {outcome.Error!.Message}");
        failed = true;
    }
}
return failed ? 1 : 0;
