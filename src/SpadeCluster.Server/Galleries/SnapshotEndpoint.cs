using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>/v1/galleries/{category}/snapshot.</summary>
internal static class SnapshotEndpoint
{
    private const int CopyBuffer = 1 << 20;

    /// <summary>A snapshot is made once for each version and kept in the data folder, so that a broken download can be continued.</summary>
    public static async Task<IResult> GetAsync(string category, HttpContext context, IGalleryServices services, ISnapshots snapshots,
        ServerOptions options)
    {
        var manifest = await GalleryEndpoints.For(context, services, category).GetAsync(category, context.RequestAborted);
        string folder = Folder(options), name = $"{category}-{manifest.Version}.tar",
            path = Path.Combine(folder, name);
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

    /// <summary>The snapshot goes to the disk first, because it may be much larger than the memory, and is imported from there.</summary>
    public static async Task<IResult> PutAsync(string category, HttpContext context, CategoryChanges changes, AdmissionControl admission,
        ServerOptions options)
    {
        context.User.Require(CategoryName.Check(category));
        using var place = admission.Admit(CopyBuffer, context.CallerId());
        string path = Path.Combine(Folder(options), $"{Guid.NewGuid():n}.part");
        try
        {
            await ReceiveAsync(context.Request, path, options, context.RequestAborted);
            return CategoryEndpoints.Summary(await changes.ImportAsync(context.User, category, path, context.RequestAborted));
        }
        catch (SpadeException e) when (e.Message.Contains(path, StringComparison.Ordinal)
            && e.Error is SpadeError.DataLoss or SpadeError.InvalidArgument or SpadeError.FailedPrecondition)
        {
            // The caller's file is damaged, not the server's data; the caller does not know the server's copy of it.
            string sentence = e.Message.Replace($"'{path}'", "the snapshot", StringComparison.Ordinal);
            throw new SpadeException(SpadeError.InvalidArgument, sentence, e);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task ReceiveAsync(HttpRequest request, string path, ServerOptions options, CancellationToken stop)
    {
        // What must stay free for decisions.
        long room = new DriveInfo(Path.GetDirectoryName(path)!).AvailableFreeSpace - options.MaxBodyBytes;
        if (request.ContentLength > room) throw NoRoom(room);
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        var buffer = new byte[CopyBuffer];
        for (int read; (read = await request.Body.ReadAsync(buffer, stop)) > 0;)
        {
            if ((room -= read) < 0) throw NoRoom(0);
            await file.WriteAsync(buffer.AsMemory(0, read), stop);
        }
    }

    private static SpadeException NoRoom(long room) => new(SpadeError.ResourceExhausted,
        $"the snapshot does not fit on the server's disk, which has room for {Math.Max(0, room) >> 20} MB")
    { StorageFull = true };

    private static string Folder(ServerOptions options)
    {
        string folder = Path.GetFullPath(Path.Combine(options.DataFolder, "snapshots"));
        Directory.CreateDirectory(folder);
        return folder;
    }
}
