using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>A test that renders manifests with kubectl, which needs no cluster for it; skipped, by name, where it is missing or too old
/// for kustomize's components (Debian 12 has 1.20).</summary>
internal sealed class KubectlFactAttribute : FactAttribute
{
    private const int OldestMinor = 21;

    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "kubectl")).FirstOrDefault(File.Exists);

    private static readonly bool Renders = Program is not null && Minor() >= OldestMinor;

    public KubectlFactAttribute()
    {
        if (!Renders) Skip = $"needs kubectl 1.{OldestMinor} or newer, which is not installed";
    }

    private static int Minor()
    {
        using var version = JsonDocument.Parse(Run("version", "--client", "--output=json"));
        string minor = version.RootElement.GetProperty("clientVersion").GetProperty("minor").GetString()!;
        return int.Parse(minor.TrimEnd('+'), CultureInfo.InvariantCulture);
    }

    /// <summary>The objects of a folder with kustomization.yaml.</summary>
    public static string Render(string folder) => Run("kustomize", folder);

    private static string Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"kubectl {string.Join(' ', arguments)}: {errors.Result}");
        return answer;
    }
}
