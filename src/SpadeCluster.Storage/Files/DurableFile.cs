using System.Runtime.InteropServices;

namespace SpadeCluster.Storage.Files;

/// <summary>Files that are either whole and on the disk, or not there.</summary>
internal static partial class DurableFile
{
    /// <summary>
    /// Writes a file so that a crash at any moment leaves the old one or the new one: temporary file, fsync, rename, fsync of
    /// the folder (without which the rename itself may be lost).
    /// </summary>
    /// <exception cref="SpadeException">ResourceExhausted: disk full. Unavailable: the folder cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        string temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
            SyncFolder(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw Explain(e, path);
        }
    }

    /// <summary>Creates a folder and makes its name durable.</summary>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path)) return;
        try
        {
            Directory.CreateDirectory(path);
            SyncFolder(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(e, path);
        }
    }

    public static SpadeException Explain(Exception e, string path)
    {
        const int FileTooBig = 27, NoSpace = 28, Quota = 122;
        return e.HResult is FileTooBig or NoSpace or Quota
            ? new SpadeException(SpadeError.ResourceExhausted, $"the disk is full: '{path}' could not be written; free some space and try again, what was there before is intact", e)
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
            // A left-over temporary file is never read; compaction removes it.
        }
    }

    private static void SyncFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals the rename itself.
        const int ReadOnly = 0;
        int descriptor = Open(path, ReadOnly);
        if (descriptor < 0) throw new IOException($"cannot open folder '{path}' to flush it (errno {Marshal.GetLastPInvokeError()})");
        try
        {
            if (Fsync(descriptor) != 0) throw new IOException($"cannot flush folder '{path}' (errno {Marshal.GetLastPInvokeError()})");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
