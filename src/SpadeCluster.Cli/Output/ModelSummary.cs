namespace SpadeCluster.Cli.Output;

internal sealed record ModelSummary(
    string Name, string Folder, string Digest, int InputWidth, int InputHeight, IReadOnlyList<string> Levels,
    int Aggregate, int PooledLength, bool WeightChannels, string Licence, string Origin);

internal sealed record ModelOutputRange(string Output, float Smallest, float Largest, float Mean);

internal sealed record ModelOutputDifference(string Output, double Relative);

/// <param name="Differences">Per output, the largest relative difference (norm over norm) from the CPU; empty on the CPU.</param>
internal sealed record ModelVerified(
    string Name, string Digest, string Provider, string Device, IReadOnlyList<ModelOutputRange> Outputs,
    IReadOnlyList<ModelOutputDifference> Differences);
