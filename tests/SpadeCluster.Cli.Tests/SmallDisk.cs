using System.Diagnostics;

namespace SpadeCluster.Cli.Tests;

/// <summary>Runs a shell script in a mount namespace of its own, with a small disk mounted at ./disk.</summary>
internal static class SmallDisk
{
    /// <param name="script">Run in <paramref name="folder"/>; $spade is the command line.</param>
    public static Task<(int Exit, string Out, string Error)> RunAsync(string folder, string size, string script)
        => Spade.StartAsync(new ProcessStartInfo("unshare",
            ["-rm", "bash", "-c", $"mkdir disk && mount -t tmpfs -o size={size} tmpfs disk && spade='dotnet {Spade.Dll}'\n{script}"])
        { WorkingDirectory = folder });

    public static bool IsAvailable { get; } = Check();

    private static bool Check()
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("unshare",
                ["-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"])
            { RedirectStandardError = true });
            process!.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

public sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute()
    {
        if (!SmallDisk.IsAvailable) Skip = "needs a mount namespace (unshare -rm), which is not to be had here";
    }
}
