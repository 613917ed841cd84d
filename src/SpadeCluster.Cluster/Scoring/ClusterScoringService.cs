using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Scoring;

/// <summary>Scores through the category's coordinator, in this process if it is a gateway, otherwise on a gateway.</summary>
internal sealed class ClusterScoringService(IGrainFactory grains, GrainCalls calls, ManifestCache manifests)
    : IScoringService, IVersionScoring
{
    public ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        => ScoreAsync(category, source, (c, image) => c.ScoreAsync(image, cancellationToken), cancellationToken);

    public async ValueTask<ScoredImage> ScoreAsync(string category, int version, ImageSource source,
        CancellationToken cancellationToken = default)
    {
        try
        {
            return await ScoreAsync(category, source, (c, image) => c.ScoreVersionAsync(image, version, cancellationToken),
                cancellationToken);
        }
        catch (VersionGoneException e)
        {
            throw new SpadeException(SpadeError.NotFound, e.Message, e);
        }
    }

    private async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source,
        Func<ICoordinatorGrain, ImageFile, Task<CoordinatedScore>> score, CancellationToken cancellationToken)
    {
        var coordinator = grains.GetGrain<ICoordinatorGrain>(CategoryName.Check(category));
        var image = new ImageFile(source.Name, await source.ReadAsync(cancellationToken));
        var answer = await calls.CallAsync(_ => score(coordinator, image), cancellationToken);
        var manifest = await manifests.GetAsync(category, answer.Version, cancellationToken);
        return new ScoredImage(image.Name, answer.Id, answer.Prepared, manifest,
            answer.Result with { Calibration = manifest.Calibration, Gallery = GalleryTiles.Of(manifest) });
    }
}
