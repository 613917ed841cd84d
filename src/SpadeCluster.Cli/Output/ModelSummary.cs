namespace SpadeCluster.Cli.Output;

internal sealed record ModelSummary(string Name, string Folder, string Digest, int InputWidth, int InputHeight, IReadOnlyList<string> Levels, int PooledLength, bool WeightChannels, string Licence, string Origin);

internal sealed record ModelOutputRange(string Output, float Smallest, float Largest, float Mean);

/// <param name="Differences">Per output, the largest relative difference (norm over norm) from the first extractor; empty for the first.</param>
internal sealed record ModelExtractor(string Name, string Provider, string Device, IReadOnlyList<ModelOutputDifference> Differences);

internal sealed record ModelOutputDifference(string Output, double Relative);

internal sealed record ModelVerified(string Name, string Digest, IReadOnlyList<ModelOutputRange> Outputs, IReadOnlyList<ModelExtractor> Extractors);
