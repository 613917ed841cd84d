using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>/v1/galleries: categories as a whole are deleted, restored, renamed and imported.</summary>
internal static class CategoryEndpoints
{
    public static void MapCategories(this IEndpointRouteBuilder app)
    {
        app.Get("/deleted-galleries", async (HttpContext c, CategoryChanges changes) =>
            Results.Json(await changes.ListDeletedAsync(c.User, c.RequestAborted), ServerJson.Options))
            .RequireAuthorization(nameof(Role.Viewer)).WithTags("galleries").Produces<IReadOnlyList<DeletedCategory>>()
            .Describe("listDeletedGalleries", "The deleted categories that can be restored, and until when.");

        var change = app.MapGroup("/galleries").RequireAuthorization(nameof(Role.Engineer)).WithTags("galleries");
        change.Delete("/{category}", async (string category, string? reason, HttpContext c, CategoryChanges changes) =>
            Results.Json(await changes.DeleteAsync(c.User, category, reason, c.RequestAborted), ServerJson.Options))
            .Produces<DeletedCategory>()
            .Describe("deleteGallery", "Deletes a category. It can be restored until the time in the answer. Its decisions stay.", 400, 404,
                409);
        change.Post("/{category}/undelete", async (string category, ReasonRequest r, HttpContext c, CategoryChanges changes) =>
            Summary(await changes.UndeleteAsync(c.User, category, r.Reason, c.RequestAborted))).Produces<GallerySummary>()
            .Describe("undeleteGallery", "Restores a deleted category with its images, thresholds and history.", 404, 409, 507);
        change.Post("/{category}/rename", async (string category, RenameRequest r, HttpContext c, CategoryChanges changes) =>
            Summary(await changes.RenameAsync(c.User, category, r.Name, r.Reason, c.RequestAborted))).Produces<GallerySummary>()
            .Describe("renameGallery", "Gives a category another name, with all kept versions. A key for some categories must be for both "
            + "names, and keys for the old name are not for the new one. Decisions keep the old name.", 404, 409, 507);
        change.Put("/{category}/snapshot", SnapshotEndpoint.PutAsync).WithMetadata(new DisableRequestSizeLimitAttribute())
            .Accepts<Stream>("application/x-tar").Produces<GallerySummary>().Describe("putGallerySnapshot",
                "Imports a snapshot as this category, which must not exist: all of it, or nothing if a part is damaged.", 409, 507);
    }

    internal static IResult Summary(GalleryManifest m) => Results.Json(GallerySummary.Of(m), ServerJson.Options);
}
