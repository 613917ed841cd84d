using System.Runtime.InteropServices;

namespace SpadeCluster.Storage.Files;

/// <summary>Writes files that are either complete and durable or do not exist.</summary>
internal static partial class DurableFile
{
    /// <summary>
    /// Writes a file so that a crash at any moment leaves the old one or the new one: temporary file, fsync, rename, fsync of
    /// the folder (without which the rename itself may be lost).
    /// </summary>
    /// <param name="path">The file; its folder is there and durable.</param>
    /// <param name="temporary">The file to write first, on the same file system.</param>
    /// <exception cref="SpadeException">ResourceExhausted: disk full. Unavailable: the folder cannot be written.</exception>
    public static void Write(string path, string temporary, Action<Stream> write)
    {
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                FaultPoint.Pass($"created {path}");
                write(stream);
                FaultPoint.Pass($"wrote {path}");
                stream.Flush(flushToDisk: true);
            }
            FaultPoint.Pass($"flushed {path}");
            File.Move(temporary, path, overwrite: true);
            FaultPoint.Pass($"renamed {path}");
            SyncFolder(Path.GetDirectoryName(path)!);
            FaultPoint.Pass($"made durable {path}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw Explain(e, path);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Creates a folder, and those above it, and makes their names durable.</summary>
    /// <exception cref="SpadeException">As <see cref="Write"/>.</exception>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path)) return;
        string? parent = Path.GetDirectoryName(path);
        if (parent is not null) CreateFolder(parent);
        try
        {
            Directory.CreateDirectory(path);
            FaultPoint.Pass($"created folder {path}");
            if (parent is not null) SyncFolder(parent);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(e, path);
        }
    }

    /// <summary>Makes the names in a folder durable, after files in it were created, renamed or deleted.</summary>
    /// <exception cref="IOException">It could not be flushed.</exception>
    public static void SyncFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals the rename itself.
        const int ReadOnly = 0;
        int descriptor = Open(path, ReadOnly);
        if (descriptor < 0) throw new IOException($"cannot open folder '{path}' to flush it", Marshal.GetLastPInvokeError());
        try
        {
            if (Fsync(descriptor) != 0) throw new IOException($"cannot flush folder '{path}'", Marshal.GetLastPInvokeError());
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    public static SpadeException Explain(Exception e, string path)
    {
        const int FileTooBig = 27, NoSpace = 28, Quota = 122;
        const int WindowsDiskFull = unchecked((int)0x80070070);
        return e.HResult is FileTooBig or NoSpace or Quota or WindowsDiskFull
            ? new SpadeException(SpadeError.ResourceExhausted,
                $"the disk is full: '{path}' could not be written; free some space and try again; the previous file is unchanged", e)
            { StorageFull = true }
            : new SpadeException(SpadeError.Unavailable, $"'{path}' could not be written: {e.Message}", e);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Left-over temporary files are never read; the next writer removes them.
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
