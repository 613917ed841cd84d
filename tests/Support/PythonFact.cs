using System.Collections.Concurrent;
using System.Diagnostics;

namespace SpadeCluster.Tests;

/// <summary>A test that needs the system's Python with some modules; skipped, by name, where they are missing.</summary>
internal sealed class PythonFactAttribute : FactAttribute
{
    public const string Python = "/usr/bin/python3";

    private static readonly ConcurrentDictionary<string, bool> Known = new();

    public PythonFactAttribute(params string[] modules) => Skip = Missing(modules);

    /// <summary>Why these tests are skipped; null: they run.</summary>
    public static string? Missing(params string[] modules)
        => Known.GetOrAdd(string.Join(", ", modules), Has)
        ? null : $"needs {Python} with {string.Join(", ", modules)} (CONTRIBUTING.md names the Debian packages), which is "
        + $"not installed";

    private static bool Has(string modules)
    {
        if (!File.Exists(Python)) return false;
        using var process = Process.Start(new ProcessStartInfo(Python, ["-c", $"import {modules}"]) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
