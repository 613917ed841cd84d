namespace SpadeCluster.Features;

/// <summary>Where an extractor runs and whether it still can.</summary>
/// <param name="Provider">What executes the network: CPU or CUDA.</param>
/// <param name="Device">The device, such as cpu or cuda:0.</param>
/// <param name="ModelDigest">See <see cref="FeatureModel.Digest"/>.</param>
/// <param name="Problem">Why every further call will fail, or null. Whoever owns the extractor makes another.</param>
/// <param name="Note">What an operator should know though it works, such as a configured fall back to the CPU.</param>
public sealed record ExtractorHealth(string Provider, string Device, string ModelDigest, string? Problem = null, string? Note = null)
{
    public bool IsHealthy => Problem is null;
}
