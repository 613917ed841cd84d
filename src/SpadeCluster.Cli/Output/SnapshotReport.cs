namespace SpadeCluster.Cli.Output;

internal sealed record SnapshotReport(string Category, string File, int Versions, int Images);
