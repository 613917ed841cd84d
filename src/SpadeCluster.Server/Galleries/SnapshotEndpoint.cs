using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Galleries;

/// <summary>GET /v1/galleries/{category}/snapshot.</summary>
internal static class SnapshotEndpoint
{
    /// <summary>A snapshot is made once for each version and kept in the data folder, so that a broken download can be continued.</summary>
    public static async Task<IResult> GetAsync(string category, HttpContext context, IGalleryServices services, ISnapshots snapshots,
        ServerOptions options)
    {
        var manifest = await GalleryEndpoints.For(context, services, category).GetAsync(category, context.RequestAborted);
        string folder = Path.GetFullPath(Path.Combine(options.DataFolder, "snapshots")), name = $"{category}-{manifest.Version}.tar",
            path = Path.Combine(folder, name);
        Directory.CreateDirectory(folder);
        if (!File.Exists(path))
        {
            foreach (string older in Directory.EnumerateFiles(folder, $"{category}-*.tar")) File.Delete(older);
            string temporary = Path.Combine(folder, $"{Guid.NewGuid():n}.part");
            await snapshots.ExportAsync(category, temporary, context.RequestAborted);
            File.Move(temporary, path, overwrite: true);
        }
        var tag = new EntityTagHeaderValue($"\"{category}-{manifest.Version}-{manifest.CreatedAt.UtcTicks}\"");
        return Results.File(path, "application/x-tar", name, File.GetLastWriteTimeUtc(path), tag, enableRangeProcessing: true);
    }
}
