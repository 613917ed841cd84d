using System.Globalization;
using SpadeCluster.Evaluation;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Evaluation.Datasets;

/// <summary>
/// KolektorSDD (Tabernik et al. 2019): a folder for each commutator, with photographs of its surface and their masks. It has no split: here
/// the good photographs of every second commutator are the normals, and all other photographs are test images.
/// </summary>
internal static class Kolektor
{
    private const string Label = "_label.bmp", Defect = "defect";

    public static bool Has(string path)
        => Items(path).FirstOrDefault() is { } item && Directory.EnumerateFiles(item, "*" + Label).Any();

    public static IReadOnlyList<InspectionDataset> Read(string path)
    {
        var (train, test) = (new List<string>(), new List<TestImage>());
        foreach (var (index, item) in Items(path).Index())
        {
            foreach (string file in InspectionDataset.ImageFiles(item).Where(f => !f.EndsWith(Label, StringComparison.Ordinal)))
            {
                string mask = Path.ChangeExtension(file, null) + Label;
                // The label alone says whether a photograph has a defect.
                bool defect = ImageReader.Default.ReadFile(mask).Pixels.AsSpan().ContainsAnyExcept((byte)0);
                if (index % 2 == 0 && !defect) train.Add(file);
                else test.Add(new TestImage(file, defect ? Defect : TestImage.Good, defect ? mask : null, MaskAbove: 0));
            }
        }
        return [new InspectionDataset(DatasetLayout.NameOf(path), path, train, test).Checked(path, path)];
    }

    private static IEnumerable<string> Items(string path)
        => Directory.EnumerateDirectories(path, "kos*").Where(d => int.TryParse(Path.GetFileName(d).AsSpan(3), NumberStyles.None,
            CultureInfo.InvariantCulture, out _)).Order(StringComparer.Ordinal);
}
