using System.Runtime.InteropServices;

namespace SpadeCluster.Tests;

/// <summary>A small disk (tmpfs), unmounted when disposed.</summary>
internal sealed partial class TemporaryDisk : IDisposable
{
    private const ulong ReadOnly = 1, Remount = 32;

    /// <param name="size">As mount's option: "400k".</param>
    /// <param name="folder">Where it is mounted; null: in a new temporary folder.</param>
    public TemporaryDisk(string size, string? folder = null)
    {
        Folder = folder is null ? Directory.CreateTempSubdirectory("spade-disk-").FullName : Directory.CreateDirectory(folder).FullName;
        if (Mount("tmpfs", Folder, "tmpfs", 0, $"size={size}") == 0) return;
        Directory.Delete(Folder);
        throw new UnauthorizedAccessException("may not mount");
    }

    public static bool MayMount { get; } = Try();

    public string Folder { get; }

    public void MakeReadOnly() => Assert.Equal(0, Mount("tmpfs", Folder, "tmpfs", ReadOnly | Remount, null));

    public void Dispose()
    {
        _ = Unmount(Folder);
        Directory.Delete(Folder, recursive: true);
    }

    private static bool Try()
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            new TemporaryDisk("16k").Dispose();
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, ulong flags, string? data);

    [LibraryImport("libc", EntryPoint = "umount", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target);
}

/// <summary>A test that is skipped without the right to mount a disk.</summary>
public class MountFactAttribute : FactAttribute
{
    public MountFactAttribute()
    {
        if (!TemporaryDisk.MayMount) Skip = "needs the right to mount a small tmpfs (root)";
    }
}
