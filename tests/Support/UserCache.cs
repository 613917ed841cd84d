using System.Runtime.CompilerServices;

namespace SpadeCluster.Tests;

/// <summary>A cache folder for each run, also for the processes that tests start: tests must not depend on the user's, nor change
/// it.</summary>
internal static class UserCache
{
    [ModuleInitializer]
    public static void Set()
    {
        string folder = Directory.CreateTempSubdirectory("spade-cache-").FullName;
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException)
            {
                // A process that is being stopped still writes there.
            }
        };
    }
}
