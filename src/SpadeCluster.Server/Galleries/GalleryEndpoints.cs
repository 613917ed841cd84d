using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>/v1/galleries: categories, their versions and normals, and changes.</summary>
internal static class GalleryEndpoints
{
    public static void MapGalleries(this IEndpointRouteBuilder app)
    {
        var read = app.MapGroup("/galleries").RequireAuthorization(nameof(Role.Viewer)).WithTags("galleries");
        read.Get("/", ListAsync).Produces<IReadOnlyList<ListedGallery>>().Describe("listGalleries",
            "The categories. One that cannot be read has only its name and a problem.");
        read.Get("/{category}", async (string category, HttpContext c, IGalleryServices p, Recalibration r) =>
        {
            var current = await For(c, p, category).GetAsync(category, c.RequestAborted);
            return Results.Json(new GalleryAnswer(GalleryDetails.Of(current), r.State(current)), ServerJson.Options);
        }).Produces<GalleryAnswer>().Describe("getGallery", "A category's newest version: thresholds, settings and normals.", 400, 404);
        read.Get("/{category}/history", async (string category, HttpContext c, IGalleryServices p) =>
            Results.Json(await For(c, p, category).HistoryAsync(category, c.RequestAborted), ServerJson.Options))
                .Produces<IReadOnlyList<GalleryVersion>>()
                .Describe("getGalleryHistory", "All versions, the oldest first: who, when, why.", 400, 404);
        read.Get("/{category}/images", ImagesAsync).Produces<GalleryImagePage>()
            .Describe("listGalleryImages",
                "The normals of a version, ascending by id; 'after' with the last id, and the version, give the next page.", 400, 404);
        read.Get("/{category}/diff", async (string category, int from, int to, HttpContext c, IGalleryServices p) =>
            Results.Json(GalleryDiffReport.Of(category, await For(c, p, category).DiffAsync(category, from, to, c.RequestAborted)),
                ServerJson.Options)).Produces<GalleryDiffReport>()
            .Describe("diffGallery", "The difference between two versions.", 400, 404);
        read.Get("/{category}/versions/{version:int}", VersionAsync).Produces<GalleryDetails>().Produces(304)
            .Describe("getGalleryVersion", "A kept version of a category.", 400, 404);
        read.Get("/{category}/images/{image}/thumbnail", ThumbnailAsync).SendsBytes("image/jpeg").Produces(304)
            .Describe("getGalleryThumbnail",
                "A small picture of a normal, or of one of its tiles, counted row by row, as the network saw it.", 400, 404);
        read.Get("/{category}/region", RegionEndpoint.GetAsync).SendsBytes("application/octet-stream")
            .Describe("getGalleryRegion", "The mask of the inspected part of the photographs, as sent.", 400, 404);
        read.Get("/{category}/snapshot", SnapshotEndpoint.GetAsync).RequireAuthorization(nameof(Role.Engineer))
            .SendsBytes("application/x-tar").SendsBytes("application/x-tar", 206).Produces(304)
            .Describe("getGallerySnapshot", "The category with all kept versions as one tar file; takes Range.", 400, 404, 416, 507);

        var change = app.MapGroup("/galleries").RequireAuthorization(nameof(Role.Engineer)).WithTags("galleries");
        change.Post("/{category}/images", AddImagesEndpoint.PostAsync).Accepts<Stream>("image/*", "multipart/form-data")
            .TakesPhotographs(many: true).Produces<string>(200, "application/x-ndjson")
            .Describe("addGalleryImages", "Adds normals, and creates the category if there is none: one line of JSON for each image once "
            + "it is durable, then the version; thresholds are learned unless calibrate=false. The reason is kept in the history. A new "
            + "category also has copies of each normal with copies=mirror, flip, half-turn or quarter-turns, or several of them, "
            + "separated by commas.", 409, 507);
        change.Post("/{category}/retire",
            (string category, ImagesRequest request, HttpContext c, IGalleryServices p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "retire", $"{string.Join(", ", request.Images)}: {request.Reason}", c, p, a, r, (g, ct) =>
                g.RetireAsync(category, request.Images, Reason(request.Reason), ct))).Produces<GallerySummary>()
            .Describe("retireGalleryImages", "Takes normals out of the category; their files are kept.", 404, 409, 507);
        change.Post("/{category}/restore",
            (string category, ImagesRequest request, HttpContext c, IGalleryServices p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "restore", $"{string.Join(", ", request.Images)}: {request.Reason}", c, p, a, r, (g, ct) =>
                g.RestoreAsync(category, request.Images, Reason(request.Reason), ct))).Produces<GallerySummary>()
            .Describe("restoreGalleryImages", "Takes retired normals back in.", 404, 409, 507);
        change.Post("/{category}/accept",
            (string category, ImagesRequest request, HttpContext c, IGalleryServices p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "accept", $"{string.Join(", ", request.Images)}: {request.Reason}", c, p, a, r, (g, ct) =>
                g.AcceptAsync(category, request.Images, Reason(request.Reason), ct))).Produces<GallerySummary>()
            .Describe("acceptGallerySuspects", "Accepts suspects, which are normals far outside the others, as good, so that they count in "
            + "the thresholds.", 404, 409, 507);
        change.Put("/{category}/region", RegionEndpoint.PutAsync).Accepts<Stream>(isOptional: true, "image/*").Produces<GallerySummary>()
            .Describe("setGalleryRegion", "Sets the part of the photographs that is inspected: the body is a mask, white inside, of the "
            + "photographs' proportions; or box=x,y,w,h in pixels with photo=WIDTHxHEIGHT. The reason is kept in the history.",
            404, 409, 507);
        change.Delete("/{category}/region", RegionEndpoint.DeleteAsync).Produces<GallerySummary>()
            .Describe("removeGalleryRegion", "Inspects whole photographs again. The reason is kept in the history.", 400, 404, 409, 507);
        change.Post("/{category}/rollback",
            (string category, RollBackRequest request, HttpContext c, IGalleryServices p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "roll back", $"to version {request.Version}: {request.Reason}", c, p, a, r, (g, ct) =>
                g.RollBackAsync(category, request.Version, Reason(request.Reason), ct))).Produces<GallerySummary>()
            .Describe("rollBackGallery", "Makes a new version that is the same as an earlier one.", 404, 409, 507);
        change.Post("/{category}/trial",
            (string category, ReasonRequest request, HttpContext c, IGalleryServices p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "begin trial", request.Reason, c, p, a, r, (g, ct) =>
                g.BeginTrialAsync(category, Reason(request.Reason), ct))).Produces<GallerySummary>()
            .Describe("beginGalleryTrial", "Makes a new version that is the same, but on trial: it and all changes after it decide "
            + "nothing, until a rollback, to the version on trial (which publishes it) or to the one that decides.", 404, 409, 507);
        change.Post("/{category}/reshard",
            (string category, ReshardRequest request, HttpContext c, IGalleryServices p, AuditLog a, Recalibration r) =>
            ChangeAsync(category, "reshard", $"into {request.Shards}", c, p, a, r, (g, ct) => g.ReshardAsync(category, request.Shards, ct)))
                .Produces<GallerySummary>()
            .Describe("reshardGallery", "Divides the category into another number of shards, for clusters. Scores and thresholds stay the "
            + "same.", 404, 409, 507);
        change.Post("/{category}/compact", CompactAsync).Produces<CompactionReport>()
            .Describe("compactGallery", "Drops old versions, and the images that only they need. The newest keep_versions (20) and those "
            + "that were current within keep_days are kept, and always the current version, the newest one with thresholds and versions "
            + "in use.", 400, 404, 409);
        change.Post("/{category}/calibrate", CalibrateAsync).Produces<GalleryDetails>()
            .Describe("calibrateGallery", "Learns the thresholds again. options.theta sets the defect threshold by hand, in units of raw "
            + "scores; 0: it is estimated again. A review_rate of 0: no review.", 404, 409, 507);
    }

    private static async Task<IResult> ListAsync(HttpContext context, IGalleryServices services)
    {
        var galleries = services.For(context.User.CallerName());
        var rows = new List<ListedGallery>();
        foreach (string category in (await galleries.ListAsync(context.RequestAborted)).Where(context.User.May))
        {
            try
            {
                rows.Add(ListedGallery.Of(GallerySummary.Of(await galleries.GetAsync(category, context.RequestAborted))));
            }
            catch (SpadeException e) when (e.Error != SpadeError.Unavailable)
            {
                // A category that cannot be read does not hide the others.
                rows.Add(new ListedGallery(category, Problem: Problems.DetailOf(e, category)));
            }
        }
        return Results.Json(rows, ServerJson.Options);
    }

    private static async Task<IResult> VersionAsync(string category, int version, HttpContext context, IGalleryServices services)
    {
        var manifest = await For(context, services, category).GetVersionAsync(category, version, context.RequestAborted);
        return ResultEndpoints.Immutable(context, $"{category}-{version}-{manifest.CreatedAt.UtcTicks}", () =>
            Results.Json(GalleryDetails.Of(manifest), ServerJson.Options));
    }

    private static async Task<IResult> ImagesAsync(string category, HttpContext context, IGalleryServices services, int? version = null,
        string? after = null, int limit = GalleryImagePage.UsualCount)
    {
        if (limit is < 1 or > GalleryImagePage.MaxCount)
            throw new SpadeException(SpadeError.InvalidArgument, $"limit is 1 to {GalleryImagePage.MaxCount}");
        var id = after is null ? (ImageId?)null : ParseImage(after);
        var galleries = For(context, services, category);
        var gallery = version is { } v ? await galleries.GetVersionAsync(category, v, context.RequestAborted)
            : await galleries.GetAsync(category, context.RequestAborted);
        return Results.Json(new GalleryImagePage(category, gallery.Version, [.. gallery.ImagesAfter(id, limit).Select(GalleryImageRow.Of)]),
            ServerJson.Options);
    }

    private static async Task<IResult> CompactAsync(string category, CompactionRequest request, HttpContext context,
        IGalleryServices services, AuditLog audit)
    {
        var retention = CompactionRequest.Retention(request.KeepVersions, request.KeepDays);
        var report = await For(context, services, category).CompactAsync(category, retention, context.RequestAborted);
        await audit.WriteAsync(context.User.CallerName(), "compact", category, CompactionRequest.Detail(report));
        return Results.Json(report, ServerJson.Options);
    }

    private static ImageId ParseImage(string image) => ImageId.TryParse(image, out var id) ? id
        : throw new SpadeException(SpadeError.InvalidArgument, "an image id is 16 hexadecimal digits");

    private static async Task<IResult> ThumbnailAsync(string category, string image, HttpContext context, IGalleryServices services,
        int? tile = null)
    {
        var id = ParseImage(image);
        byte[] picture = await For(context, services, category).GetThumbnailAsync(category, id, tile, context.RequestAborted)
            ?? throw new SpadeException(SpadeError.NotFound, $"no picture is kept of image {id}");
        // Earlier builds kept PNG.
        string type = picture is [0x89, ..] ? "image/png" : "image/jpeg";
        return ResultEndpoints.Immutable(context, $"{image}-{tile}", () => Results.Bytes(picture, type));
    }

    internal static async Task<IResult> ChangeAsync(string category, string action, string detail, HttpContext context,
        IGalleryServices services, AuditLog audit, Recalibration recalibration,
        Func<IGalleryService, CancellationToken, ValueTask<GalleryManifest>> change)
    {
        var galleries = For(context, services, category);
        var after = await recalibration.AfterAsync(category, context.User.CallerName(), () => change(galleries, context.RequestAborted));
        await audit.WriteAsync(context.User.CallerName(), action, category, $"{SentImage.Harmless(detail, "")}, version {after.Version}");
        return Results.Json(GallerySummary.Of(after), ServerJson.Options);
    }

    private static async Task<IResult> CalibrateAsync(string category, CalibrateRequest request, HttpContext context,
        IGalleryServices services, AuditLog audit, Recalibration recalibration)
    {
        var galleries = For(context, services, category);
        var current = await galleries.GetAsync(category, context.RequestAborted);
        var options = (await galleries.ReadSettingsAsync(category, context.RequestAborted)).FittedTo(current.Images.Count);
        if (request.Options is { } given) options = given.Over(options);
        if (request.Alpha is { } alpha) options = options with { Alpha = alpha };
        options.Check(current.Images.Count, current.Model.Levels.Count);
        var after = await recalibration.AfterAsync(category, context.User.CallerName(),
            () => galleries.CalibrateAsync(category, options, cancellationToken: context.RequestAborted), calibrate: false);
        string set = options.Theta is { } theta ? FormattableString.Invariant($"defect threshold set to {theta:R}")
            : FormattableString.Invariant($"alpha {options.Alpha}");
        await audit.WriteAsync(context.User.CallerName(), "calibrate", category, $"{set}, version {after.Version}");
        return Results.Json(GalleryDetails.Of(after), ServerJson.Options);
    }

    internal static string Reason(string? reason) =>
        string.IsNullOrWhiteSpace(reason)
        ? throw new SpadeException(SpadeError.InvalidArgument, "a reason is needed, for the history") : SentImage.Harmless(reason, "");

    /// <summary>The galleries on behalf of the caller.</summary>
    /// <exception cref="OutOfScopeException">The caller's key is for other categories.</exception>
    internal static IGalleryService For(HttpContext context, IGalleryServices services, string category)
    {
        context.User.Require(CategoryName.Check(category));
        return services.For(context.User.CallerName());
    }
}
