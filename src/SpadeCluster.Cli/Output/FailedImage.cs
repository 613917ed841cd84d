namespace SpadeCluster.Cli.Output;

/// <summary>An image of a batch that could not be scored.</summary>
internal sealed record FailedImage(string File, string Error);
