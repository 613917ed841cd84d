using System.Diagnostics;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>A test that renders manifests with kubectl, which needs no cluster for it; skipped, by name, where it is missing.</summary>
internal sealed class KubectlFactAttribute : FactAttribute
{
    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "kubectl")).FirstOrDefault(File.Exists);

    public KubectlFactAttribute()
    {
        if (Program is null) Skip = "needs kubectl (Debian's package kubernetes-client), which is not installed";
    }

    /// <summary>The objects of a folder with kustomization.yaml.</summary>
    public static string Render(string folder)
    {
        var start = new ProcessStartInfo(Program!, ["kustomize", folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string objects = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"kubectl kustomize {folder}: {errors.Result}");
        return objects;
    }
}
