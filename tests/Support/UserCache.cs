using System.Runtime.CompilerServices;

namespace SpadeCluster.Tests;

/// <summary>A cache folder for each run, also for the processes that tests start: tests must not depend on the user's, nor change
/// it.</summary>
internal static class UserCache
{
    [ModuleInitializer]
    public static void Set()
    {
        // Not made here: processes that do not open a model, and are killed, leave nothing.
        string folder = Path.Combine(Path.GetTempPath(), $"spade-cache-{Guid.NewGuid():N}");
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            try
            {
                if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            }
            catch (IOException)
            {
                // A process that is being stopped still writes there.
            }
        };
    }
}
