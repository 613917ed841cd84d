using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Demo;

/// <summary>A small rendered inspection set in MVTec's layout: machined plates, five kinds of defects, exact masks.</summary>
internal static class DemoDataset
{
    public const string Name = "plates";
    public const int Normals = 60, TestGood = 15, TestPerDefect = 5;

    /// <summary>Writes the set below <paramref name="root"/>; the same files every time.</summary>
    /// <returns>The category's folder.</returns>
    public static string Write(string root, Action<int, int> progress)
    {
        string category = Path.Combine(root, Name);
        var shots = new List<(string File, string? Mask, int Seed, string? Kind)>();
        for (int i = 0; i < Normals; i++) shots.Add((Path.Combine("train", "good", $"{i:000}.png"), null, 1000 + i, null));
        for (int i = 0; i < TestGood; i++) shots.Add((Path.Combine("test", "good", $"{i:000}.png"), null, 2000 + i, null));
        foreach (string kind in Defect.Kinds)
        {
            for (int i = 0; i < TestPerDefect; i++)
                shots.Add((Path.Combine("test", kind, $"{i:000}.png"), Path.Combine("ground_truth", kind, $"{i:000}_mask.png"),
                    3000 + 100 * shots.Count + i, kind));
        }
        var files = shots.SelectMany(s => new[] { s.File, s.Mask }).OfType<string>();
        foreach (string folder in files.Select(f => Path.GetDirectoryName(f)!).Distinct())
            Directory.CreateDirectory(Path.Combine(category, folder));

        int done = 0;
        Parallel.ForEach(shots, shot =>
        {
            var defect = shot.Kind is null ? null : Defect.Make(shot.Kind, new Random(shot.Seed));
            var (photograph, mask) = PlateCamera.Photograph(shot.Seed, defect);
            PngEncoder.WriteFile(Path.Combine(category, shot.File), photograph);
            if (shot.Mask is not null)
                PngEncoder.WriteMaskFile(Path.Combine(category, shot.Mask), mask, PlateCamera.Size, PlateCamera.Size);
            progress(Interlocked.Increment(ref done), shots.Count);
        });
        return category;
    }
}
