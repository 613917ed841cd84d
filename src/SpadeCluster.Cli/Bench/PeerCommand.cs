using System.Diagnostics;
using System.Text.Json;

namespace SpadeCluster.Cli.Bench;

/// <summary>
/// Another program that does the same work, timed alternately with ours. If the last line it prints is a JSON object with a
/// "seconds" array, these are its timings, after its own warm-up; otherwise the whole process is timed.
/// </summary>
internal sealed class PeerCommand(string command)
{
    public string Command { get; } = command;

    /// <summary>Runs the peer once.</summary>
    /// <returns>Milliseconds of each unit of work that it timed.</returns>
    /// <exception cref="SpadeException">InvalidArgument: it could not be started or failed.</exception>
    public async Task<IReadOnlyList<double>> RunAsync(CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec " + Command]) { RedirectStandardOutput = true };
        long began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        double whole = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        if (process.ExitCode != 0) throw new SpadeException(SpadeError.InvalidArgument,
            $"the peer command failed with exit code {process.ExitCode}: {Command}");
        return Seconds(output) ?? [whole];
    }

    private static double[]? Seconds(string output)
    {
        string last = output.TrimEnd().Split('\n')[^1];
        try
        {
            using var json = JsonDocument.Parse(last);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("seconds", out var seconds)
                && seconds.ValueKind == JsonValueKind.Array
                ? [.. seconds.EnumerateArray().Select(s => 1000 * s.GetDouble())] : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
