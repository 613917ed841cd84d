using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Tests.Support;
using Xunit.Abstractions;

namespace SpadeCluster.Storage.Tests;

/// <summary>
/// A writer process is killed (SIGKILL) at seeded moments: half of them at a fault point inside the store, that is between
/// two steps such as fsync and rename; half after some lines of its output and a random time. Afterwards the gallery must
/// open, verify must find no damage, and every image whose add had returned must be there. SIGKILL does not lose the system's
/// caches; FileGalleryStoreTests checks that files are flushed before they are named.
/// </summary>
[Collection(StoresCollection.Name)]
public sealed class KillTests(PostgresCluster postgres, ITestOutputHelper output) : IDisposable
{
    /// <summary>How often the writer of one gallery is killed before the next gallery is begun.</summary>
    private const int KillsPerGallery = 20;

    private readonly Stores _stores = new(postgres);

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [Theory, MemberData(nameof(Media))]
    public Task A_killed_writer_loses_nothing_it_acknowledged(Medium medium) => KillAsync(medium, 6, seed: 1);

    [Theory, MemberData(nameof(Media)), Trait("Category", "Long")]
    public Task A_writer_killed_200_times_loses_nothing_it_acknowledged(Medium medium) => KillAsync(medium, 200, seed: 2);

    private async Task KillAsync(Medium medium, int kills, int seed)
    {
        var random = new Random(seed);
        string location = _stores.NewLocation(medium), category = "";
        var store = _stores.Open(medium, location);
        var (there, unsure) = (new HashSet<int>(), new HashSet<int>());
        int acknowledged = 0, selfKills = 0, versions = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            if (kill % KillsPerGallery == 0)
            {
                category = $"c{kill}";
                there.Clear();
                unsure.Clear();
            }
            bool atFaultPoint = kill % 2 == 0;
            int faults = atFaultPoint ? random.Next(1, 120) : 0;
            int said = random.Next(0, 8);
            var delay = TimeSpan.FromMilliseconds(random.NextDouble() * 30);
            foreach (string line in await RunWriterAsync(medium, location, category, random.Next(), faults, said, delay))
            {
                string[] words = line.Split(' ');
                int[] numbers = [.. words.Skip(1).Select(w => int.Parse(w, CultureInfo.InvariantCulture))];
                if (words[0] == "added") acknowledged += numbers.Length;
                if (words[0] == "added") there.UnionWith(numbers);
                if (words[0] == "retiring") unsure.UnionWith(numbers);
                if (words[0] is "retiring" or "retired") there.ExceptWith(numbers);
                if (words[0] == "retired") unsure.ExceptWith(numbers);
            }
            if (atFaultPoint) selfKills++;
            await CheckAsync(store, category, there,
                $"{medium}, kill {kill} "
                + $"({(atFaultPoint ? $"fault point {faults}" : $"{delay.TotalMilliseconds:0.0} ms after line {said}")})");
            versions = Math.Max(versions, await store.ReadCurrentVersionAsync(category) ?? 0);
        }
        output.WriteLine($"{medium}: {kills} kills, {selfKills} of them at fault points; {acknowledged} images acknowledged, 0 lost, 0 "
            + $"corrupt; up to version {versions}");
        Assert.True(acknowledged >= kills / 2,
            $"only {acknowledged} images were acknowledged in {kills} runs: the writer did not get to work");
    }

    private static async Task CheckAsync(GalleryStore store, string category, HashSet<int> acknowledged, string when)
    {
        var manifest = await store.ReadCurrentAsync(category);
        if (manifest is null)
        {
            Assert.True(acknowledged.Count == 0, $"{when}: the gallery is gone");
            return;
        }
        if (manifest.Deletion is not null) manifest = await Stores.Service(store).UndeleteAsync(category, when);
        var problems = await Stores.Service(store).VerifyAsync(category);
        Assert.True(problems.Count == 0, $"{when}: {string.Join("; ", problems)}");
        var names = manifest.Images.Select(i => i.Source).ToHashSet();
        foreach (int n in acknowledged) Assert.True(names.Contains($"{n}.png"), $"{when}: image {n} is lost");
        if (manifest.Images.Count > 0) Assert.Single(await Stores.ScoresAsync(store, category, 1));
    }

    private static async Task<List<string>> RunWriterAsync(Medium medium, string location, string category, int seed, int faults, int said,
        TimeSpan delay)
    {
        string[] arguments = ["exec", typeof(KillTests).Assembly.Location, $"{medium}", location, category, $"{seed}", $"{faults}"];
        using var writer = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        try
        {
            var errors = writer.StandardError.ReadToEndAsync();
            if (await writer.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)) != "ready")
                Assert.Fail($"the writer did not start: {await errors}");
            var lines = new List<string>();
            if (faults == 0)
            {
                while (lines.Count < said)
                    lines.Add(await writer.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1))
                        ?? throw new EndOfStreamException(await errors));
                await Task.Delay(delay);
                writer.Kill();
            }
            // The pipe keeps lines printed before the kill; an incomplete line does not count.
            string rest = await writer.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(2));
            lines.AddRange(rest[..(rest.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Equal("", await errors);
            return lines;
        }
        finally
        {
            if (!writer.HasExited) writer.Kill();
        }
    }
}
