using System.Text.Json;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>The faults that were run, as hosts.json and hosts.md in artifacts/test-results.</summary>
internal static class FaultTable
{
    private static readonly JsonSerializerOptions Json =
        new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private static readonly SortedDictionary<string, FaultResult> Results = new(StringComparer.Ordinal);

    /// <summary>Adds a result and writes the table.</summary>
    public static void Add(FaultResult result)
    {
        lock (Results)
        {
            Results[result.Fault] = result;
            string folder = Directory.CreateDirectory(Path.Combine(Root(), "artifacts", "test-results")).FullName;
            File.WriteAllText(Path.Combine(folder, "hosts.json"), JsonSerializer.Serialize(Results.Values, Json));
            File.WriteAllLines(Path.Combine(folder, "hosts.md"),
            [
                "| fault | answered | wrong | lost | normals added | lost | refused | longest wait, s | answer after, s | addition "
                    + "after, s | "
                    + "whole after, s "
                    + "| restarts |",
                "|---|---|---|---|---|---|---|---|---|---|---|---|",
                .. Results.Values.Select(r =>
                    $"| {r.Fault} | {r.Answered} | {r.Wrong} | {r.Lost} | {r.Added} | {r.AddedLost} | {r.Refused} | "
                    + $"{r.LongestWait:0.0} | {r.FirstAnswer:0.0} | {r.FirstAdded:0.0} | {r.Whole:0.0} | {r.Restarts} |"),
            ]);
        }
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "SpadeCluster.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
