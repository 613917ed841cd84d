using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Storage.Tests.Support;

/// <summary>
/// Measures memory in a separate process (arguments: memory FOLDER BUDGET NEIGHBOURS IMAGES). It scores with two normals, which
/// gives the memory that every scoring process needs, then with the whole gallery under the budget.
/// </summary>
internal static class MemoryProbe
{
    /// <returns>Resident bytes without the gallery, and the most ever resident.</returns>
    public static async Task<(long Fixed, long Peak)> StartAsync(string folder, long budget, int neighbours, int images)
    {
        string[] arguments = ["exec", typeof(MemoryProbe).Assembly.Location, "memory", folder,
            .. new[] { budget, neighbours, images }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        string[] said = (await process.StandardOutput.ReadToEndAsync()).Split(' ');
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException(await errors);
        return (long.Parse(said[0], CultureInfo.InvariantCulture), long.Parse(said[1], CultureInfo.InvariantCulture));
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var numbers = args[2..].Select(a => long.Parse(a, CultureInfo.InvariantCulture)).ToArray();
        var store = new FileGalleryStore(args[1]);
        var manifest = (await store.ReadCurrentAsync("c"))!;
        using (var two = await OpenGallery.LoadAsync(store, manifest with { Images = [.. manifest.Images.Take(2)] }, threads: 2))
            await ResNetGallery.ScoreAsync(store, two, new ScoringOptions { GalleryNeighbours = 2, GateNeighbours = 1 }, 3);
        long before = Resident().Now;
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 2, memory: numbers[0]);
        await ResNetGallery.ScoreAsync(store, gallery, new ScoringOptions { GalleryNeighbours = (int)numbers[1], GateNeighbours = 3 },
            (int)numbers[2]);
        Console.Write(string.Create(CultureInfo.InvariantCulture, $"{before} {Resident().Peak}"));
        return 0;
    }

    private static (long Now, long Peak) Resident()
    {
        using var process = Process.GetCurrentProcess();
        return (process.WorkingSet64, process.PeakWorkingSet64);
    }
}
