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

    /// <summary>How long a file stays: long enough to continue a broken download.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    /// <summary>One export at a time, because each writes a whole category.</summary>
    private static readonly SemaphoreSlim One = new(1);

    /// <summary>A snapshot is made once for each version and kept in the data folder for a day, so that a broken download can be
    /// continued.</summary>
    public static async Task<IResult> GetAsync(string category, HttpContext context, IGalleryServices services, ISnapshots snapshots,
        ServerOptions options)
    {
        var manifest = await GalleryEndpoints.For(context, services, category).GetAsync(category, context.RequestAborted);
        string folder = Folder(options), name = $"{category}-{manifest.Version}.tar",
            path = Path.Combine(folder, name);
        await One.WaitAsync(context.RequestAborted);
        try
        {
            if (!File.Exists(path))
            {
                foreach (string file in Directory.EnumerateFiles(folder, "*.tar").Where(f => IsOf(category, f))) File.Delete(file);
                await snapshots.ExportAsync(category, path, options.MaxBodyBytes, context.RequestAborted);
            }
        }
        finally
        {
            One.Release();
        }
        var tag = new EntityTagHeaderValue($"\"{category}-{manifest.Version}-{manifest.CreatedAt.UtcTicks}\"");
        return Results.File(path, "application/x-tar", name, File.GetLastWriteTimeUtc(path), tag, enableRangeProcessing: true);
    }

    /// <summary>Deletes files that nobody wrote for a day: snapshots that were downloaded, and what a killed process left.</summary>
    public static void DropOld(ServerOptions options, TimeProvider clock)
    {
        var (folder, oldest) = (new DirectoryInfo(PathOf(options)), clock.GetUtcNow() - Kept);
        if (!folder.Exists) return;
        foreach (var file in folder.EnumerateFiles().Where(f => f.LastWriteTimeUtc < oldest)) file.Delete();
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

    /// <summary>Whether a file is a snapshot of this category, not of one whose name only begins with it.</summary>
    private static bool IsOf(string category, string file)
        => Path.GetFileName(file) is var name && name.StartsWith(category, StringComparison.Ordinal)
        && name.LastIndexOf('-') == category.Length;

    private static string Folder(ServerOptions options) => Directory.CreateDirectory(PathOf(options)).FullName;

    private static string PathOf(ServerOptions options) => Path.GetFullPath(Path.Combine(options.DataFolder, "snapshots"));
}
