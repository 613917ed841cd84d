using System.Globalization;
using System.Security.Claims;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Inference;

/// <summary>The Open Inference Protocol, for HTTP and gRPC: models, which are categories, and scoring.</summary>
internal sealed class InferService(IGalleryServices services, DecisionService decisions, CategoryStatistics statistics,
    ServerOptions options)
{
    public static ServerDescription Server { get; } = new("spadecluster", typeof(SpadeServer).Assembly.GetName().Version!.ToString(3),
        ["binary_tensor_data", "model_repository", "statistics"]);

    public async Task<ModelDescription> DescribeAsync(string category, int? version, ClaimsPrincipal user,
        CancellationToken cancellationToken)
    {
        var m = await ReadVersionAsync(category, version, user, cancellationToken);
        return new ModelDescription(m.Category, [Text(m.Version)], "spade", [new("image", "BYTES", [-1])],
            InferOutputs.Describe(MapShape(m)));
    }

    /// <summary>Whether the category has thresholds.</summary>
    public async Task<bool> IsReadyAsync(string category, int? version, ClaimsPrincipal user, CancellationToken cancellationToken)
        => (await ReadVersionAsync(category, version, user, cancellationToken)).Calibration is not null;

    /// <summary>The categories that the caller's key allows.</summary>
    /// <param name="ready">Only those that can be scored with.</param>
    public async Task<IReadOnlyList<ModelState>> IndexAsync(bool ready, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var states = new List<ModelState>();
        foreach (string category in await CategoriesAsync(user, cancellationToken))
        {
            try
            {
                var m = await ReadVersionAsync(category, null, user, cancellationToken);
                states.Add(m.Calibration is not null ? new(category, Text(m.Version), "READY", "")
                    : new(category, Text(m.Version), "UNAVAILABLE", NotCalibrated(category).Message));
            }
            catch (SpadeException e) when (e.Error != SpadeError.Unavailable)
            {
                // A category that cannot be read does not hide the others.
                states.Add(new(category, "", "UNAVAILABLE", Problems.DetailOf(e, category)));
            }
        }
        return [.. states.Where(s => !ready || s.State == "READY")];
    }

    /// <param name="category">Null: all that the caller's key allows and that have decisions.</param>
    public async Task<StatisticsAnswer> StatisticsAsync(string? category, int? version, ClaimsPrincipal user,
        CancellationToken cancellationToken)
    {
        if (category is not null)
            return new([statistics.Of(category, Text((await ReadVersionAsync(category, version, user, cancellationToken)).Version))]);
        return new([.. (await IndexAsync(true, user, cancellationToken)).Select(s => statistics.Of(s.Name, s.Version))]);
    }

    /// <summary>Scores photographs, one after the other, and logs the decisions.</summary>
    /// <param name="outputs">Names of the requested outputs; none: the usual ones. With "error", a photograph that cannot be scored does
    /// not fail the others.</param>
    /// <returns>The version that scored, and the outputs in the order of the request.</returns>
    /// <exception cref="SpadeException">As scoring. FailedPrecondition: the category has no thresholds. ResourceExhausted: the requested
    /// maps are larger than <see cref="ServerOptions.MaxBodyBytes"/>.</exception>
    public async Task<(GalleryManifest Gallery, IReadOnlyList<OutputTensor> Outputs)> InferAsync(string category, int? version,
        IReadOnlyList<SentImage> images, IReadOnlyList<string> outputs, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        if (outputs.Count == 0) outputs = InferOutputs.Default;
        var m = await ReadVersionAsync(category, version, user, cancellationToken);
        InferOutputs.Check(outputs, images.Count, TileGrid.Of(m.Model, m.Preprocessing), options.MaxBodyBytes);
        if (m.Calibration is null) throw NotCalibrated(category);
        var inferred = new List<InferredImage>(images.Count);
        GalleryManifest? gallery = null;
        SpadeException? first = null;
        foreach (var image in images)
        {
            try
            {
                var (scored, _) = await decisions.ScoreAsync(category, image, user.CallerName(), cancellationToken);
                // The cluster may score with the current version although it has no thresholds.
                if (scored.Result.NormalisedScore is null) throw NotCalibrated(category);
                gallery ??= scored.Gallery;
                inferred.Add(InferredImage.Of(scored, outputs.Contains(InferOutputs.Map)));
            }
            catch (SpadeException e) when (outputs.Contains(InferOutputs.Error) && IsOfTheImage(e))
            {
                first ??= e;
                inferred.Add(InferredImage.Failed(e.Message));
            }
        }
        if (gallery is null) throw first!;
        return (gallery, [.. outputs.Select(o => InferOutputs.Of(o, inferred))]);
    }

    /// <summary>The version that photographs are scored with; a request for another version is refused. For a category without thresholds
    /// it is the current version, which can be described but gives no verdict.</summary>
    private async Task<GalleryManifest> ReadVersionAsync(string category, int? version, ClaimsPrincipal user,
        CancellationToken cancellationToken)
    {
        user.Require(CategoryName.Check(category));
        var galleries = services.For(user.CallerName());
        var m = await galleries.FindScoringVersionAsync(category, cancellationToken)
            ?? await galleries.GetAsync(category, cancellationToken);
        return version is null || version == m.Version
            ? m : throw new SpadeException(SpadeError.NotFound, $"'{category}' is served in version {m.Version} only");
    }

    private async Task<IEnumerable<string>> CategoriesAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
        => (await services.For(user.CallerName()).ListAsync(cancellationToken)).Where(user.May);

    /// <summary>-1 means that a side depends on the photograph.</summary>
    private static long[] MapShape(GalleryManifest m)
        => TileGrid.Of(m.Model, m.Preprocessing) is var tiles && tiles.Letterbox ? [-1, -1, -1] : [-1, tiles.Height, tiles.Width];

    /// <summary>Whether the photograph is the reason, and another one may be scored.</summary>
    private static bool IsOfTheImage(SpadeException e)
        => e.Error == SpadeError.InvalidArgument || (e.Error == SpadeError.ResourceExhausted && e.RetryAfter is null);

    private static SpadeException NotCalibrated(string category)
        => new(SpadeError.FailedPrecondition, $"'{category}' has no thresholds yet, and so no verdicts: calibrate it first");

    private static string Text(int version) => version.ToString(CultureInfo.InvariantCulture);
}
