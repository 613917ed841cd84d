using SpadeCluster.Galleries;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Decisions;

/// <summary>/v1/results: past decisions with pictures and evidence, and live decisions.</summary>
internal static class ResultEndpoints
{
    public static void MapResults(this IEndpointRouteBuilder app)
    {
        var results = app.MapGroup("/results").RequireAuthorization(nameof(Role.Viewer)).WithTags("results");
        results.Get("/", Find).Produces<IReadOnlyList<Decision>>()
            .Describe("listResults", "Recent decisions, the newest first; 'before' with the last id gives the next page. 'since' is "
            + "included, 'until' is not. A serial number may have * for any characters.", 400);
        results.Get("/counts", (HttpContext context, DecisionStatistics statistics, [AsParameters] DecisionQuery query) =>
            Results.Json(statistics.Count(query.Read(context.User)), ServerJson.Options)).Produces<DecisionCounts>()
            .Describe("countResults", "Decisions counted by verdict, time, shift and category; by default those of the last 24 hours "
            + "with decisions.", 400);
        results.Get("/live", LiveDecisions.SendAsync).Produces<string>(200, "text/event-stream")
            .Describe("followResults", "Decisions as they are made (server-sent events); with Last-Event-ID also those missed since then.");
        results.Get("/{id:long}", (long id, HttpContext context, DecisionLog log) =>
            Results.Json(Visible(id, context, log), ServerJson.Options)).Produces<Decision>()
            .Describe("getResult", "One decision.", 404);
        results.Get("/{id:long}/image", (long id, HttpContext context, DecisionLog log) =>
            Immutable(context, $"{Visible(id, context, log).Digest}", () => File(context, log.Image(id))))
            .SendsBytes("application/octet-stream").Produces(304).Describe("getResultImage", "The photograph's file, as it was sent.", 404);
        results.Get("/{id:long}/input.png", (long id, HttpContext context, DecisionLog log, DecisionPictures pictures) =>
            Immutable(context, $"{id}-input", () => Png(pictures.Input(Visible(id, context, log)))))
            .SendsBytes("image/png").Produces(304).Describe("getResultInput", "The photograph as the network saw it.", 404);
        results.Get("/{id:long}/photograph.jpg", (long id, HttpContext context, DecisionLog log, DecisionPictures pictures) =>
            Immutable(context, $"{id}-photograph", () => Results.Bytes(pictures.Photograph(Visible(id, context, log)), "image/jpeg")))
            .SendsBytes("image/jpeg").Produces(304).Describe("getResultPhotograph",
                "The photograph to look at, 4096 pixels along its longer side at most; /image gives the file itself.", 404);
        results.Get("/{id:long}/overlay.jpg", (long id, HttpContext context, DecisionLog log, DecisionPictures pictures) =>
            Immutable(context, $"{id}-overlay", () => Results.Bytes(pictures.SmallOverlay(Visible(id, context, log)), "image/jpeg")))
            .SendsBytes("image/jpeg").Produces(304).Describe("getResultOverlay",
                "A small picture of the photograph as the network saw it, with its map in colours.", 404);
        results.Get("/{id:long}/map.png", (long id, HttpContext context, DecisionLog log, DecisionPictures pictures) =>
            Immutable(context, $"{id}-map", () => Png(pictures.Map(Visible(id, context, log)))))
            .SendsBytes("image/png").Produces(304).Describe("getResultMapPicture", "The anomaly map as a picture.", 404);
        results.Get("/{id:long}/map", Map)
            .Describe("getResultMap", "The anomaly map: little-endian float32, [y][x]; X-Width and X-Height have its size.", 404)
            .SendsBytes("application/octet-stream").SendsHeader("X-Width", JsonSchemaType.Integer, "Values in a row.")
            .SendsHeader("X-Height", JsonSchemaType.Integer, "Rows.");
        results.Get("/{id:long}/evidence", Evidence).Produces<EvidenceAnswer>()
            .Describe("getResultEvidence", "The normal pixel that matched an input pixel best.", 400, 404);
    }

    /// <exception cref="SpadeException">NotFound: no such decision, or not visible to the caller.</exception>
    public static Decision Visible(long id, HttpContext context, DecisionLog log)
        => log.Get(id) is var decision && context.User.May(decision.Score.Category)
        ? decision : throw new SpadeException(SpadeError.NotFound, $"no decision {id}; /v1/results lists them");

    private static IResult Find(HttpContext context, DecisionLog log, [AsParameters] DecisionQuery query, long? before = null,
        int limit = 50)
    {
        if (limit is < 1 or > DecisionFilter.MaxLimit)
            throw new SpadeException(SpadeError.InvalidArgument, $"limit is 1 to {DecisionFilter.MaxLimit}");
        return Results.Json(log.Find(query.Read(context.User) with { Before = before, Limit = limit }), ServerJson.Options);
    }

    private static IResult Map(long id, HttpContext context, DecisionLog log)
    {
        Visible(id, context, log);
        var map = log.Map(id);
        context.Response.Headers["X-Width"] = map.Width.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["X-Height"] = map.Height.ToString(CultureInfo.InvariantCulture);
        return Results.Bytes(MemoryMarshal.AsBytes<float>(map.Values).ToArray(), "application/octet-stream");
    }

    private static async Task<IResult> Evidence(long id, double x, double y, HttpContext context, DecisionLog log,
        IGalleryServices services, CancellationToken cancellation)
    {
        var decision = Visible(id, context, log);
        var map = log.Map(id);
        if (!(x >= 0 && y >= 0 && x < map.Width && y < map.Height))
            throw new SpadeException(SpadeError.InvalidArgument, $"x and y are input pixels, 0,0 to {map.Width - 1},{map.Height - 1}");
        var found = log.Evidence(id).At(x / map.Width, y / map.Height)
            ?? throw new SpadeException(SpadeError.NotFound, "nothing is inspected there: it is outside the region of interest");
        var gallery = await services.For(context.User.CallerName())
            .GetVersionAsync(decision.Score.Category, decision.Score.Version, cancellation);
        string source = gallery.Images.FirstOrDefault(i => i.Id == found.Image)?.Source ?? "";
        var tiles = GalleryTiles.Of(gallery);
        var frame = tiles.Frame(found.Image);
        return Results.Json(new EvidenceAnswer(x, y, map.Values[(int)y * map.Width + (int)x], decision.Score.Theta, found.Image.ToString(),
            Path.GetFileName(source), found.X, found.Y, found.Distance, map.Width, map.Height, frame.Width, frame.Height,
            found.Orientation.Word()),
            ServerJson.Options);
    }

    private static IResult Png(RgbImage image) => Results.Bytes(PngEncoder.Encode(image), "image/png");

    /// <summary>Sent as a download, never as a page, because a browser must not execute uploaded content.</summary>
    private static IResult File(HttpContext context, byte[] bytes)
    {
        context.Response.Headers.ContentDisposition = "attachment; filename=\"photograph\"";
        return Results.Bytes(bytes, "application/octet-stream");
    }

    /// <summary>An answer that never changes, so that browsers may cache it.</summary>
    internal static IResult Immutable(HttpContext context, string tag, Func<IResult> answer)
    {
        string etag = $"\"{tag}\"";
        context.Response.Headers.ETag = etag;
        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        if (context.Request.Headers.IfNoneMatch.ToString().Contains(etag, StringComparison.Ordinal))
            return Results.StatusCode(StatusCodes.Status304NotModified);
        try
        {
            return answer();
        }
        catch
        {
            // An error must not be cached.
            context.Response.Headers.Remove("ETag");
            context.Response.Headers.CacheControl = "no-store";
            throw;
        }
    }
}

/// <summary>A pixel and its match. All positions are input pixels.</summary>
/// <param name="MatchWidth">Input pixels of the normal, across.</param>
/// <param name="MatchHeight">The same, down.</param>
/// <param name="Copy">As in <see cref="RegionEvidence"/>.</param>
internal sealed record EvidenceAnswer(double X, double Y, float MapValue, double? Theta, string ImageId, string Source, double MatchX,
    double MatchY, float Distance, int Width, int Height, int MatchWidth, int MatchHeight,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Copy = null);
