using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>/v1/galleries: categories, their versions and normals, and every change of them.</summary>
internal static class GalleryEndpoints
{
    public static void MapGalleries(this IEndpointRouteBuilder app)
    {
        var read = app.MapGroup("/galleries").RequireAuthorization(nameof(Role.Viewer)).WithTags("galleries");
        read.MapGet("/", ListAsync).Produces<IReadOnlyList<GallerySummary>>();
        read.MapGet("/{category}", async (string category, HttpContext c, ServerParts p, Recalibration r) =>
        {
            var current = await For(c, p, category).GetAsync(category, c.RequestAborted);
            return Results.Json(new GalleryAnswer(GalleryDetails.Of(current), r.State(current)), ServerJson.Options);
        }).Produces<GalleryAnswer>();
        read.MapGet("/{category}/history", async (string category, HttpContext c, ServerParts p) => Results.Json(await For(c, p, category).HistoryAsync(category, c.RequestAborted), ServerJson.Options)).Produces<IReadOnlyList<GalleryVersion>>();
        read.MapGet("/{category}/versions/{version:int}", VersionAsync).Produces<GalleryDetails>();
        read.MapGet("/{category}/images/{image}/thumbnail", ThumbnailAsync).Produces<byte[]>(200, "image/png");
        read.MapGet("/{category}/snapshot", SnapshotAsync).RequireAuthorization(nameof(Role.Engineer)).Produces<byte[]>(200, "application/x-tar").WithSummary("The category with all kept versions as one tar file; takes Range.");

        var change = app.MapGroup("/galleries").RequireAuthorization(nameof(Role.Engineer)).WithTags("galleries");
        change.MapPost("/{category}/images", AddAsync).Accepts<IFormFileCollection>("multipart/form-data", "image/*").Produces<string>(200, "application/x-ndjson")
            .WithSummary("Add normals, creating the category if need be: one line of JSON for each image once it is durable, then the version; thresholds are learnt unless calibrate=false. A reason is for the record.");
        change.MapPost("/{category}/retire", (string category, ImagesRequest request, HttpContext c, ServerParts p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "retire", $"{string.Join(", ", request.Images)}: {request.Reason}", c, p, a, r, (g, ct) => g.RetireAsync(category, request.Images, Reason(request.Reason), ct))).Produces<GallerySummary>();
        change.MapPost("/{category}/restore", (string category, ImagesRequest request, HttpContext c, ServerParts p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "restore", $"{string.Join(", ", request.Images)}: {request.Reason}", c, p, a, r, (g, ct) => g.RestoreAsync(category, request.Images, Reason(request.Reason), ct))).Produces<GallerySummary>();
        change.MapPost("/{category}/rollback", (string category, RollBackRequest request, HttpContext c, ServerParts p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "roll back", $"to version {request.Version}: {request.Reason}", c, p, a, r, (g, ct) => g.RollBackAsync(category, request.Version, Reason(request.Reason), ct))).Produces<GallerySummary>();
        change.MapPost("/{category}/reshard", (string category, ReshardRequest request, HttpContext c, ServerParts p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "reshard", $"into {request.Shards}", c, p, a, r, (g, ct) => g.ReshardAsync(category, request.Shards, ct))).Produces<GallerySummary>()
            .WithSummary("Spread the category over another number of shards, for clusters. Changes no score, and keeps the thresholds.");
        change.MapPost("/{category}/calibrate", CalibrateAsync).Produces<GalleryDetails>();
    }

    private static async Task<IResult> ListAsync(HttpContext context, ServerParts parts)
    {
        var galleries = parts.Galleries(context.User.CallerName());
        var rows = new List<object>();
        foreach (string category in (await galleries.ListAsync(context.RequestAborted)).Where(context.User.May))
        {
            try
            {
                rows.Add(GallerySummary.Of(await galleries.GetAsync(category, context.RequestAborted)));
            }
            catch (SpadeException e) when (e.Error != SpadeError.Unavailable)
            {
                // One that cannot be read hides none of the others.
                rows.Add(new UnreadableGallery(category, Problems.DetailOf(e, category)));
            }
        }
        return Results.Json(rows, ServerJson.Options);
    }

    private static async Task<IResult> VersionAsync(string category, int version, HttpContext context, ServerParts parts)
    {
        var manifest = await For(context, parts, category).GetVersionAsync(category, version, context.RequestAborted);
        return ResultEndpoints.Immutable(context, $"{category}-{version}-{manifest.CreatedAt.UtcTicks}", () => Results.Json(GalleryDetails.Of(manifest), ServerJson.Options));
    }

    private static async Task<IResult> ThumbnailAsync(string category, string image, HttpContext context, ServerParts parts)
    {
        if (!ImageId.TryParse(image, out var id)) throw new SpadeException(SpadeError.InvalidArgument, "an image id is 16 hexadecimal digits");
        byte[] picture = await For(context, parts, category).GetThumbnailAsync(category, id, context.RequestAborted)
            ?? throw new SpadeException(SpadeError.NotFound, $"no picture is kept of image {id}");
        return ResultEndpoints.Immutable(context, image, () => Results.Bytes(picture, "image/png"));
    }

    /// <summary>Made once for each version and kept beside the log, so that a broken download can go on where it broke.</summary>
    private static async Task<IResult> SnapshotAsync(string category, HttpContext context, ServerParts parts, ServerOptions options)
    {
        var manifest = await For(context, parts, category).GetAsync(category, context.RequestAborted);
        if (parts.Snapshot is null) throw new SpadeException(SpadeError.Unavailable, "this server makes no snapshots; ask the machine that holds the galleries");
        string folder = Path.GetFullPath(Path.Combine(options.DataFolder, "snapshots")), name = $"{category}-{manifest.Version}.tar", path = Path.Combine(folder, name);
        Directory.CreateDirectory(folder);
        if (!File.Exists(path))
        {
            foreach (string older in Directory.EnumerateFiles(folder, $"{category}-*.tar")) File.Delete(older);
            string temporary = Path.Combine(folder, $"{Guid.NewGuid():n}.part");
            await parts.Snapshot(category, temporary, context.RequestAborted);
            File.Move(temporary, path, overwrite: true);
        }
        return Results.File(path, "application/x-tar", name, File.GetLastWriteTimeUtc(path), new Microsoft.Net.Http.Headers.EntityTagHeaderValue($"\"{category}-{manifest.Version}-{manifest.CreatedAt.UtcTicks}\""), enableRangeProcessing: true);
    }

    private static async Task AddAsync(string category, HttpContext context, ServerParts parts, Admission admission, AuditLog audit, Recalibration recalibration, ServerOptions options, CancellationToken cancellation, bool calibrate = true, double? alpha = null, string? reason = null)
    {
        var galleries = For(context, parts, category);
        if (reason is not null) reason = Reason(reason);
        using var ticket = admission.Admit(context.Request);
        IReadOnlyList<SentImage> images = await SentImage.ReadAsync(context.Request, options.MaxBatch, cancellation);
        var known = await recalibration.StopAsync(category) ?? await SettingsAsync(galleries, category, cancellation);
        // Lines are written as images become durable; a change that has begun goes on when the client is gone.
        var lines = Channel.CreateUnbounded<object>();
        var work = Task.Run(async () =>
        {
            try
            {
                int added = 0;
                var after = await galleries.AddAsync(category, [.. images.Select(i => i.Source)], new InlineProgress<AddOutcome>(o =>
                {
                    if (o.Status == AddStatus.Added) added++;
                    lines.Writer.TryWrite(new AddLine(o.Source, o.Id?.ToString(), o.Status, o.Problem));
                }), reason, CancellationToken.None);
                // Thresholds take minutes, and may wait for other categories': the photographs are no longer needed.
                images = [];
                ticket.Dispose();
                if (added > 0) await audit.WriteAsync(context.User.CallerName(), "add", category, $"{added} images{(reason is null ? "" : $": {reason}")}, version {after!.Version}");
                if (calibrate && after is { Calibration: null, Images.Count: > 1 })
                {
                    var settings = Recalibration.Fitted(known, after.Images.Count);
                    if (alpha is { } rate) settings = settings with { Alpha = rate };
                    after = await galleries.CalibrateAsync(category, settings, new InlineProgress<int>(done => lines.Writer.TryWrite(new CalibrateLine(done, after.Images.Count))), CancellationToken.None);
                    await audit.WriteAsync(context.User.CallerName(), "calibrate", category, $"alpha {settings.Alpha}, version {after.Version}");
                }
                lines.Writer.TryWrite(new AddedLine(category, after?.Version, added, after?.Images.Count ?? 0, after?.Calibration is not null, after?.Calibration?.Theta));
                lines.Writer.Complete();
            }
            catch (Exception e)
            {
                lines.Writer.Complete(e);
            }
        }, CancellationToken.None);
        try
        {
            await foreach (object line in lines.Reader.ReadAllAsync(cancellation))
            {
                if (!context.Response.HasStarted) context.Response.ContentType = "application/x-ndjson";
                await context.Response.WriteAsync(JsonSerializer.Serialize(line, line.GetType(), ServerJson.Options) + "\n", cancellation);
                await context.Response.Body.FlushAsync(cancellation);
            }
        }
        catch (SpadeException e) when (context.Response.HasStarted)
        {
            await context.Response.WriteAsync(JsonSerializer.Serialize(new ErrorLine(e.Message), ServerJson.Options) + "\n", cancellation);
        }
        finally
        {
            await work;
        }
    }

    private static async Task<IResult> ChangeAsync(string category, string action, string detail, HttpContext context, ServerParts parts, AuditLog audit, Recalibration recalibration, Func<IGalleryService, CancellationToken, ValueTask<GalleryManifest>> change)
    {
        var galleries = For(context, parts, category);
        var after = await recalibration.AfterAsync(category, context.User.CallerName(), () => change(galleries, context.RequestAborted));
        await audit.WriteAsync(context.User.CallerName(), action, category, $"{SentImage.Harmless(detail, "")}, version {after.Version}");
        return Results.Json(GallerySummary.Of(after), ServerJson.Options);
    }

    private static async Task<IResult> CalibrateAsync(string category, CalibrateRequest request, HttpContext context, ServerParts parts, AuditLog audit, Recalibration recalibration)
    {
        var galleries = For(context, parts, category);
        var current = await galleries.GetAsync(category, context.RequestAborted);
        var options = Recalibration.Fitted(await galleries.LearntOptionsAsync(category, context.RequestAborted), current.Images.Count);
        if (request.Options is { } given) options = given.Over(options);
        if (request.Alpha is { } alpha) options = options with { Alpha = alpha };
        options.Check(current.Images.Count, current.Model.Levels.Count);
        await recalibration.StopAsync(category);
        var after = await galleries.CalibrateAsync(category, options, cancellationToken: context.RequestAborted);
        await audit.WriteAsync(context.User.CallerName(), "calibrate", category, $"alpha {options.Alpha}, version {after.Version}");
        return Results.Json(GalleryDetails.Of(after), ServerJson.Options);
    }

    /// <summary>The settings that the category's thresholds were learnt with; null: it has none, or is not there yet.</summary>
    private static async Task<ScoringOptions?> SettingsAsync(IGalleryService galleries, string category, CancellationToken cancellationToken)
        => (await galleries.ListAsync(cancellationToken)).Contains(category, StringComparer.Ordinal) ? await galleries.LearntOptionsAsync(category, cancellationToken) : null;

    private static string Reason(string? reason) => string.IsNullOrWhiteSpace(reason) ? throw new SpadeException(SpadeError.InvalidArgument, "a reason is needed, for the record") : SentImage.Harmless(reason, "");

    private static IGalleryService For(HttpContext context, ServerParts parts, string category)
    {
        context.User.Require(CategoryName.Check(category));
        return parts.Galleries(context.User.CallerName());
    }
}

/// <summary>A category of the list that cannot be read, and why.</summary>
internal sealed record UnreadableGallery(string Category, string Problem);
internal sealed record GalleryAnswer(GalleryDetails Details, RecalibrationState? Calibrating);
internal sealed record ImagesRequest(IReadOnlyList<string> Images, string Reason);
internal sealed record RollBackRequest(int Version, string Reason);
internal sealed record ReshardRequest(int Shards);
internal sealed record CalibrateRequest(double? Alpha = null, GivenOptions? Options = null);
internal sealed record AddLine(string File, string? ImageId, AddStatus Status, string? Problem);
internal sealed record CalibrateLine(int Calibrated, int Of);
internal sealed record AddedLine(string Category, int? Version, int Added, int Images, bool Calibrated, double? Theta);
internal sealed record ErrorLine(string Error);

/// <summary>Settings of the method; what is not given stays as the category has it.</summary>
internal sealed record GivenOptions(
    int? GateNeighbours = null, int? GalleryNeighbours = null, int? Kappa = null, Fusion? Fusion = null, IReadOnlyList<int>? Levels = null,
    GatePolicy? GatePolicy = null, double? AuditShare = null, double? Alpha = null, double? Sigma = null)
{
    public ScoringOptions Over(ScoringOptions known) => known with
    {
        GateNeighbours = GateNeighbours ?? known.GateNeighbours,
        GalleryNeighbours = GalleryNeighbours ?? known.GalleryNeighbours,
        Kappa = Kappa ?? known.Kappa,
        Fusion = Fusion ?? known.Fusion,
        Levels = Levels ?? known.Levels,
        GatePolicy = GatePolicy ?? known.GatePolicy,
        AuditShare = AuditShare ?? known.AuditShare,
        Alpha = Alpha ?? known.Alpha,
        Sigma = Sigma ?? known.Sigma,
    };
}
