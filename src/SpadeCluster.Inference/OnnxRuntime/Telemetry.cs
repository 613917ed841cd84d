using System.Runtime.InteropServices;

namespace SpadeCluster.Inference.OnnxRuntime;

/// <summary>
/// ONNX Runtime's telemetry. When its environment is made, version 1.31 writes events to a database in the user's home folder, from which
/// they are sent to Microsoft. The switch of its API comes too late for the first ones.
/// </summary>
internal static partial class Telemetry
{
    private const string Switch = "ORT_DISABLE_TELEMETRY", On = "1";

    /// <summary>Turns it off, if called before ONNX Runtime is loaded.</summary>
    public static void TurnOff()
    {
        // Outside Windows, .NET keeps its own copy of the environment, which native code does not see.
        if (OperatingSystem.IsWindows()) Environment.SetEnvironmentVariable(Switch, On);
        else _ = SetEnvironment(Switch, On, overwrite: 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
