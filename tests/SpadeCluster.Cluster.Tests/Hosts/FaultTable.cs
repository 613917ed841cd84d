using System.Text.Json;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>The newest result of each fault, as hosts.json and hosts.md in artifacts/test-results.</summary>
internal static class FaultTable
{
    private static readonly JsonSerializerOptions Json =
        new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private static readonly Lock Writing = new();

    /// <summary>Adds a result, or replaces the one of an earlier run.</summary>
    public static void Add(FaultResult result)
    {
        lock (Writing)
        {
            string folder = Folder();
            string table = Path.Combine(folder, "hosts.json");
            FaultResult[] before = File.Exists(table) ? JsonSerializer.Deserialize<FaultResult[]>(File.ReadAllText(table), Json)! : [];
            FaultResult[] results = [.. before.Where(r => r.Fault != result.Fault).Append(result)
                .OrderBy(r => r.Fault, StringComparer.Ordinal)];
            File.WriteAllText(table, JsonSerializer.Serialize(results, Json));
            File.WriteAllLines(Path.Combine(folder, "hosts.md"),
            [
                "| fault | answered | wrong | lost | normals added | lost | refused | longest wait, s | answer after, s "
                    + "| addition after, s | whole after, s | restarts |",
                "|---|---|---|---|---|---|---|---|---|---|---|---|",
                .. results.Select(r =>
                    $"| {r.Fault} | {r.Answered} | {r.Wrong} | {r.Lost} | {r.Added} | {r.AddedLost} | {r.Refused} | "
                    + $"{r.LongestWait:0.0} | {r.FirstAnswer:0.0} | {r.FirstAdded:0.0} | {r.Whole:0.0} | {r.Restarts} |"),
            ]);
        }
    }

    /// <summary>Where tests leave what they measured.</summary>
    public static string Folder()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "SpadeCluster.sln"))) root = root.Parent!;
        return Directory.CreateDirectory(Path.Combine(root.FullName, "artifacts", "test-results")).FullName;
    }
}
