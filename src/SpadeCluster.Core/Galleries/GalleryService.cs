using System.Security.Cryptography;
using SpadeCluster.Features;
using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>
/// Changes and reads galleries. Every change is a new version, published in one step while holding the category's writer
/// lock; a change that fails leaves the current version as it was.
/// </summary>
/// <param name="store">Where galleries live.</param>
/// <param name="engines">How photographs become features.</param>
/// <param name="author">Who changes them, for the record.</param>
/// <param name="threads">Threads one search may use; 0 for all processors.</param>
/// <param name="clock">For the record too: versions are ordered by number, never by time.</param>
public sealed class GalleryService(IGalleryStore store, IFeatureEngines engines, string author, int threads = 0, TimeProvider? clock = null) : IGalleryService
{
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    public ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default) => store.ListCategoriesAsync(cancellationToken);

    public async ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default)
        => await store.ReadCurrentAsync(CategoryName.Check(category), cancellationToken)
            ?? throw new SpadeException(SpadeError.NotFound, $"no category '{category}'; 'spade gallery list' shows what there is");

    public async ValueTask<GalleryManifest?> AddAsync(string category, IReadOnlyList<ImageSource> sources, IProgress<AddOutcome>? progress = null, CancellationToken cancellationToken = default)
    {
        CategoryName.Check(category);
        using var writer = await store.LockAsync(category, cancellationToken);
        var current = await store.ReadCurrentAsync(category, cancellationToken);
        var (extractor, preparer) = current is null ? engines.Default : engines.For(current.Model, current.Preprocessing);
        RequireRoom(category, sources.Count, extractor.Model);

        var images = (current?.Images ?? []).ToDictionary(i => i.Id);
        var features = new ImageFeatures(extractor.Model);
        int added = 0;
        foreach (var source in sources)
        {
            var outcome = await AddOneAsync(source);
            if (outcome.Status == AddStatus.Added) added++;
            progress?.Report(outcome);
        }
        if (added == 0) return current;
        return await PublishAsync(category, current, extractor.Model, preparer.Description, images.Values, $"add {added} images", cancellationToken);

        async ValueTask<AddOutcome> AddOneAsync(ImageSource source)
        {
            try
            {
                var file = await source.ReadAsync(cancellationToken);
                var sha256 = SHA256.HashData(file);
                var id = ImageId.FromSha256(sha256);
                if (images.ContainsKey(id)) return new AddOutcome(source.Name, id, AddStatus.Duplicate);
                await extractor.ExtractAsync([preparer.Prepare(file, source.Name).Input], [features], cancellationToken);
                var pyramid = FeaturePyramid.From(features);
                await store.WriteImageAsync(category, id, extractor.Model.Digest, StoredFeatures.From([.. features.Pooled], pyramid), pyramid, cancellationToken);
                images.Add(id, new GalleryImage(id, Convert.ToHexStringLower(sha256), source.Name, _clock.GetUtcNow(), author));
                return new AddOutcome(source.Name, id, AddStatus.Added);
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.NotFound || (e.Error == SpadeError.ResourceExhausted && e.InnerException is not IOException))
            {
                return new AddOutcome(source.Name, null, AddStatus.Failed, e.Message);
            }
        }
    }

    public async ValueTask<GalleryManifest> RetireAsync(string category, IReadOnlyList<string> images, string reason, CancellationToken cancellationToken = default)
    {
        using var writer = await store.LockAsync(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        var retired = new HashSet<ImageId>();
        foreach (string name in images)
        {
            var matches = current.Images.Where(i => i.Source == name || (ImageId.TryParse(name, out var id) && i.Id == id)).ToList();
            if (matches.Count == 0) throw new SpadeException(SpadeError.NotFound, $"category '{category}' has no image '{name}'; 'spade gallery show {category}' lists them");
            retired.UnionWith(matches.Select(m => m.Id));
        }
        return await PublishAsync(category, current, current.Model, current.Preprocessing, current.Images.Where(i => !retired.Contains(i.Id)), $"retire {string.Join(", ", images)}: {reason}", cancellationToken);
    }

    public async ValueTask<GalleryManifest> CalibrateAsync(string category, ScoringOptions options, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        using var writer = await store.LockAsync(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        var gallery = await OpenGallery.LoadAsync(store, current, threads: threads, cancellationToken: cancellationToken);
        var calibration = await Calibrator.RunAsync(store, gallery, options, progress, cancellationToken);
        var next = current with { Version = current.Version + 1, CreatedAt = _clock.GetUtcNow(), CreatedBy = author, Reason = $"calibrate at alpha {options.Alpha}", Calibration = calibration };
        await store.PublishAsync(next, cancellationToken);
        return next;
    }

    public async ValueTask<IReadOnlyList<string>> VerifyAsync(string category, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var manifest = await GetAsync(category, cancellationToken);
        var problems = new List<string>();
        int done = 0;
        foreach (var image in manifest.Images)
        {
            try
            {
                await store.ReadFeaturesAsync(category, image.Id, manifest.Model, cancellationToken);
                await store.ReadPyramidAsync(category, image.Id, manifest.Model, cancellationToken);
            }
            catch (SpadeException e)
            {
                problems.Add(e.Message);
            }
            progress?.Report(++done);
        }
        return problems;
    }

    private void RequireRoom(string category, int images, FeatureModel model)
    {
        long needed = images * store.BytesPerImage(model);
        if (store.FreeBytes is { } free && needed > free)
            throw new SpadeException(SpadeError.ResourceExhausted, $"{images} images need {needed / 1e6:0.0} MB, but only {free / 1e6:0.0} MB are free where category '{category}' is stored; nothing was added");
    }

    private async ValueTask<GalleryManifest> PublishAsync(string category, GalleryManifest? current, FeatureModel model, string preprocessing, IEnumerable<GalleryImage> images, string reason, CancellationToken cancellationToken)
    {
        GalleryImage[] ordered = [.. images.OrderBy(i => i.Id)];
        FeatureWeights? weights = null;
        if (model.WeightChannels && ordered.Length > 0)
        {
            var features = new List<StoredFeatures>(ordered.Length);
            foreach (var image in ordered) features.Add(await store.ReadFeaturesAsync(category, image.Id, model, cancellationToken));
            weights = FeatureWeights.From(model, features);
        }
        var next = new GalleryManifest
        {
            Category = category,
            Version = (current?.Version ?? 0) + 1,
            CreatedAt = _clock.GetUtcNow(),
            CreatedBy = author,
            Reason = reason,
            Model = model,
            Preprocessing = preprocessing,
            Images = ordered,
            Weights = weights,
        };
        await store.PublishAsync(next, cancellationToken);
        return next;
    }
}
