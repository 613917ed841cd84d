using System.Security.Claims;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>Changes of whole categories, for HTTP and gRPC: scope, author and audit follow the caller's key.</summary>
internal sealed class CategoryChanges(IGalleryServices services, ISnapshots snapshots, Recalibration recalibration, AuditLog audit)
{
    public async Task<DeletedCategory> DeleteAsync(ClaimsPrincipal user, string category, string? reason, CancellationToken stop)
    {
        var (galleries, caller, why) = (For(user, category), user.CallerName(), GalleryEndpoints.Reason(reason));
        var deleted = await recalibration.AfterAsync(category, caller, () => galleries.DeleteAsync(category, why, stop), calibrate: false);
        await audit.WriteAsync(caller, "delete", category, $"{why}; can be restored until {Console.Text.Time(deleted.Until)}");
        return deleted;
    }

    public async Task<GalleryManifest> UndeleteAsync(ClaimsPrincipal user, string category, string? reason, CancellationToken stop)
    {
        var (galleries, caller, why) = (For(user, category), user.CallerName(), GalleryEndpoints.Reason(reason));
        var restored = await recalibration.AfterAsync(category, caller, () => galleries.UndeleteAsync(category, why, stop));
        await audit.WriteAsync(caller, "undelete", category, $"{why}, version {restored.Version}");
        return restored;
    }

    /// <exception cref="OutOfScopeException">The caller's key is not for both names: a new name must not give a key another
    /// category.</exception>
    public async Task<GalleryManifest> RenameAsync(ClaimsPrincipal user, string category, string name, string? reason,
        CancellationToken stop)
    {
        var (galleries, caller) = (For(user, category), user.CallerName());
        user.Require(CategoryName.Check(name));
        string why = GalleryEndpoints.Reason(reason);
        // Thresholds that were being learned under the old name are learned under the new one.
        var renamed = await recalibration.AfterAsync(name, caller, async () => await recalibration.AfterAsync(category, caller,
            () => galleries.RenameAsync(category, name, why, stop), calibrate: false));
        await audit.WriteAsync(caller, "rename", category, $"to {name}: {why}, version {renamed.Version}");
        return renamed;
    }

    /// <param name="path">The snapshot's file.</param>
    public async Task<GalleryManifest> ImportAsync(ClaimsPrincipal user, string category, string path, CancellationToken stop)
    {
        user.Require(CategoryName.Check(category));
        string caller = user.CallerName();
        var imported = await recalibration.AfterAsync(category, caller, () => snapshots.ImportAsync(category, path, caller, stop));
        await audit.WriteAsync(caller, "import", category, $"{imported.Images.Count} images, version {imported.Version}");
        return imported;
    }

    public async Task<IReadOnlyList<DeletedCategory>> ListDeletedAsync(ClaimsPrincipal user, CancellationToken stop)
        => [.. (await services.For(user.CallerName()).ListDeletedAsync(stop)).Where(d => user.May(d.Category))];

    private IGalleryService For(ClaimsPrincipal user, string category)
    {
        user.Require(CategoryName.Check(category));
        return services.For(user.CallerName());
    }
}
