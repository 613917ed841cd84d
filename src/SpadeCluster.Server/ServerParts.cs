using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server;

/// <summary>What the server serves: the engine of this process, or a cluster's gateway.</summary>
/// <param name="Scoring">Photographs in, verdicts out.</param>
/// <param name="Galleries">The galleries as changed by a named person or key: every change records who made it.</param>
/// <param name="Models">Models that new categories can be built with.</param>
/// <param name="Snapshot">Writes a category as one file; null: this host cannot.</param>
/// <param name="Images">Decodes kept photographs for the console.</param>
/// <param name="Extractors">The extractors that are open in this process, and whether their devices still work.</param>
/// <param name="Open">The galleries that are open in this process; null: they are open elsewhere.</param>
public sealed record ServerParts(IScoringService Scoring, Func<string, IGalleryService> Galleries, Func<IReadOnlyList<FeatureModel>> Models, Func<string, string, CancellationToken, Task>? Snapshot = null, ImageReader? Images = null, Func<IReadOnlyList<ExtractorHealth>>? Extractors = null, OpenGalleries? Open = null)
{
    public IReadOnlyList<ExtractorHealth> Health => Extractors?.Invoke() ?? [];
}
