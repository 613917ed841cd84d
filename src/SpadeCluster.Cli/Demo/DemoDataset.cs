using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Demo;

/// <summary>A rendered inspection set in MVTec's layout: normals, good and defective test photographs, exact masks.</summary>
/// <param name="Name">Name of its category.</param>
/// <param name="Kinds">Its kinds of defects.</param>
/// <param name="Photograph">Photographs a part by a seed and, unless it is good, a kind of defect.</param>
internal sealed record DemoDataset(string Name, IReadOnlyList<string> Kinds, int Normals, int TestGood, int TestPerDefect,
    Func<int, string?, (RgbImage Photograph, bool[] Mask)> Photograph)
{
    /// <summary>Machined plates, smaller than the network's input.</summary>
    public static DemoDataset Plates { get; } = new("plates", Defect.Kinds, 60, 15, 5, (seed, kind) =>
        PlateCamera.Photograph(seed, kind is null ? null : Defect.Make(kind, new Random(seed))));

    /// <summary>Circuit panels of 12 megapixels, with defects of 20 to 60 pixels.</summary>
    public static DemoDataset Panels { get; } = new("panels", PanelScene.Kinds, 14, 8, 3, PanelScene.Photograph);

    /// <summary>Writes the set below <paramref name="root"/>; the same files every time.</summary>
    /// <returns>The category's folder.</returns>
    public string Write(string root, Action<int, int> progress)
    {
        string category = Path.Combine(root, Name);
        var shots = new List<(string File, string? Mask, int Seed, string? Kind)>();
        for (int i = 0; i < Normals; i++) shots.Add((Path.Combine("train", "good", $"{i:000}.png"), null, 1000 + i, null));
        for (int i = 0; i < TestGood; i++) shots.Add((Path.Combine("test", "good", $"{i:000}.png"), null, 2000 + i, null));
        foreach (string kind in Kinds)
        {
            for (int i = 0; i < TestPerDefect; i++)
                shots.Add((Path.Combine("test", kind, $"{i:000}.png"), Path.Combine("ground_truth", kind, $"{i:000}_mask.png"),
                    3000 + 100 * shots.Count + i, kind));
        }
        var files = shots.SelectMany(s => new[] { s.File, s.Mask }).OfType<string>();
        foreach (string folder in files.Select(f => Path.GetDirectoryName(f)!).Distinct())
            Directory.CreateDirectory(Path.Combine(category, folder));

        int done = 0;
        Parallel.ForEach(shots, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, shot =>
        {
            var (photograph, mask) = Photograph(shot.Seed, shot.Kind);
            PngEncoder.WriteFile(Path.Combine(category, shot.File), photograph);
            if (shot.Mask is not null)
                PngEncoder.WriteMaskFile(Path.Combine(category, shot.Mask), mask, photograph.Width, photograph.Height);
            progress(Interlocked.Increment(ref done), shots.Count);
        });
        return category;
    }
}
