using SpadeCluster.Features;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Galleries;

/// <summary>The cluster's extractors as an engine for a gateway's gallery service.</summary>
internal sealed class ClusterEngines(ExtractorPool pool, BoundedDecoding decoding) : IFeatureEngines
{
    private DefaultEngine? _default;

    /// <summary>Asks an extractor silo once, when the first category is created. It blocks, which keeps the interface simple for all other
    /// callers.</summary>
    public FeatureEngine Default
    {
        get
        {
            var (model, preprocessing) = _default ??= Task.Run(() => pool.GetDefaultAsync(CancellationToken.None)).GetAwaiter().GetResult();
            return For(model, preprocessing);
        }
    }

    public FeatureEngine DefaultFor(NewCategory asNew)
    {
        var (model, preprocessing) = (Default.Extractor.Model, Default.Preparer.Description);
        if (asNew.Sizes is { Count: > 0 } sizes) preprocessing = TileChoice.Choose(model, sizes).Description;
        return For(model, asNew.Copies?.AppliedTo(preprocessing) ?? preprocessing);
    }

    public FeatureEngine For(FeatureModel model, string preprocessing) =>
        new(new ClusterExtractor(pool, model, preprocessing), decoding.For(preprocessing));

    private sealed class ClusterExtractor(ExtractorPool pool, FeatureModel model, string preprocessing) : IFeatureExtractor
    {
        public FeatureModel Model => model;

        public async ValueTask ExtractAsync(IReadOnlyList<RgbImage> images, IReadOnlyList<ImageFeatures> features,
            CancellationToken cancellationToken = default)
            => await Task.WhenAll(images.Zip(features, (image, into) => ExtractAsync(image, into, cancellationToken)));

        public void Dispose() { }

        private async Task ExtractAsync(RgbImage image, ImageFeatures features, CancellationToken cancellationToken)
        {
            var extracted = await pool.ExtractAsync(new ExtractRequest(model, preprocessing, image.Pixels, WithPyramid: true),
                cancellationToken);
            var pyramid = await extracted.PyramidAsync(cancellationToken);
            extracted.Pooled.CopyTo(features.Pooled, 0);
            // Widening is exact, so rounding to float16 again gives the extractor's bits.
            for (int l = 0; l < features.Levels.Count; l++) HalfConversion.Widen(pyramid.Level(l), features.Levels[l]);
        }
    }
}
