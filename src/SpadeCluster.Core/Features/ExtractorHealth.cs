namespace SpadeCluster.Features;

/// <summary>Where an extractor runs and whether it still works.</summary>
/// <param name="Provider">What executes the network: CPU or CUDA.</param>
/// <param name="Device">The device, such as cpu or cuda:0.</param>
/// <param name="ModelDigest">See <see cref="FeatureModel.Digest"/>.</param>
/// <param name="Problem">Why every further call will fail, or null. The owner of the extractor then opens a new one.</param>
/// <param name="Note">What an operator should know although it works, such as a configured fallback to the CPU; or null.</param>
public sealed record ExtractorHealth(string Provider, string Device, string ModelDigest, string? Problem = null, string? Note = null)
{
    public bool IsHealthy => Problem is null;
}
