using System.Diagnostics;
using System.Text.Json;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Watch;

/// <summary>'spade watch' as a process.</summary>
public sealed class WatchCommandTests : WorkFolder
{
    [Fact]
    public async Task Each_file_is_scored_once_also_after_kill_9_and_a_bad_one_is_set_aside()
    {
        const int Files = 12;
        var (added, _, why) = await Spade.RunAsync("gallery", "add", "plates", Plates(6), "--gallery", At("galleries"), "--model",
            "oriented-energy-1", "--alpha", "0.2");
        Assert.True(added == 0, why);
        Directory.CreateDirectory(At("drop"));
        for (int i = 0; i < Files; i++) Drop(i);
        await File.WriteAllBytesAsync(At("drop", "L3_bad.png"), [1, 2, 3]);
        var seen = new List<JsonElement>();
        // Killed in the middle, then started again.
        await WatchAsync(r => seen.Count + r < Files / 2, seen);
        Drop(Files);
        await WatchAsync(_ => Directory.GetFiles(At("drop"), "*.png").Length > 0, seen);

        var journal = (await File.ReadAllLinesAsync(At("drop", ".spade-watch.jsonl"))).Select(l => JsonDocument.Parse(l).RootElement)
            .ToList();
        Assert.Equal(Files + 2, journal.Count);
        Assert.Equal(Files + 2, journal.Select(j => j.GetProperty("file").GetString()).Distinct().Count());
        var bad = journal.Single(j => j.GetProperty("error").GetString() is not null);
        Assert.Equal("L3_bad.png", bad.GetProperty("file").GetString());
        Assert.All(journal, j => Assert.Equal(j.GetProperty("file").GetString(), $"{j.GetProperty("metadata").GetProperty("line")}_"
            + $"{j.GetProperty("metadata").GetProperty("serial_number")}.png"));
        Assert.True(File.Exists(At("drop", "bad", "L3_bad.png")));
        Assert.Equal(Files + 1, Directory.GetFiles(At("done")).Length);
    }

    [Fact]
    public async Task A_folder_or_a_list_of_folders_is_named()
    {
        Assert.Equal(2, (await Spade.RunAsync("watch", Root)).Exit);
        Assert.Equal(2, (await Spade.RunAsync("watch", Root, "--category", "c", "--folders", "f.json")).Exit);
        await File.WriteAllTextAsync(At("f.json"), """[{"folder": "x"}]""");
        Assert.Equal(3, (await Spade.RunAsync("watch", "--folders", At("f.json"))).Exit);
        Assert.Equal(4, (await Spade.RunAsync("watch", At("none"), "--category", "c")).Exit);
    }

    /// <summary>Renames a photograph into the folder.</summary>
    private void Drop(int i)
    {
        PngEncoder.WriteFile(At("part.png"), PlateCamera.Photograph(100 + i, null).Photograph);
        File.Move(At("part.png"), At("drop", $"L3_{i}.png"));
    }

    /// <summary>Watches while <paramref name="goOn"/>, with the number of results so far, says so; then kills the process.</summary>
    private async Task WatchAsync(Func<int, bool> goOn, List<JsonElement> seen)
    {
        using var moved = new FileSystemWatcher(At("drop"));
        var deleted = System.Threading.Channels.Channel.CreateUnbounded<bool>();
        moved.Deleted += (_, _) => deleted.Writer.TryWrite(true);
        moved.EnableRaisingEvents = true;
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Spade.Dll, "watch", At("drop"), "--category", "plates", "--gallery",
            At("galleries"), "--done", At("done"), "--name-pattern", "{line}_{serial_number}", "--settle", "0.1", "--json"])
        { RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var found = new List<JsonElement>();
        // A file is moved after its line.
        while (goOn(found.Count) && await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            found.Add(JsonDocument.Parse(line).RootElement);
            while (File.Exists(At("drop", found[^1].GetProperty("file").GetString()!))) await deleted.Reader.ReadAsync(limit.Token);
        }
        process.Kill();
        await process.WaitForExitAsync(limit.Token);
        seen.AddRange(found);
    }
}
