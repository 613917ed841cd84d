using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Evaluation.Datasets;

/// <summary>A category as folders of normals, of test images by kind, and of masks by kind: MVTec AD and the sets that follow it.</summary>
/// <param name="Good">Name of the folders of good images.</param>
/// <param name="Test">The folder of test images.</param>
/// <param name="Truth">The folder of masks.</param>
internal sealed record MvtecFolders(string Good, string Test, string Truth)
{
    public static MvtecFolders Mvtec { get; } = new("good", "test", "ground_truth");

    /// <summary>MVTec AD 2 (Heckler-Kram et al. 2025). Its private test images have no published truth.</summary>
    public static MvtecFolders Mvtec2 { get; } = new("good", "test_public", Path.Combine("test_public", "ground_truth"));

    /// <summary>BTAD (Mishra et al. 2021).</summary>
    public static MvtecFolders Btad { get; } = new("ok", "test", "ground_truth");

    public bool Has(string path)
        => Directory.Exists(Path.Combine(path, "train", Good)) && Directory.Exists(Path.Combine(path, Test));

    public IReadOnlyList<InspectionDataset> Read(string path)
    {
        string train = Path.Combine(path, "train", Good), test = Path.Combine(path, Test), truth = Path.Combine(path, Truth);
        var images = new List<TestImage>();
        foreach (string folder in Directory.EnumerateDirectories(test).Where(f => f != truth).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(folder);
            bool good = name == Good;
            foreach (string file in InspectionDataset.ImageFiles(folder))
                images.Add(new TestImage(file, good ? TestImage.Good : name, good ? null : MaskOf(file, Path.Combine(truth, name))));
        }
        var dataset = new InspectionDataset(DatasetLayout.NameOf(path), path, InspectionDataset.ImageFiles(train), images);
        return [dataset.Checked(train, test)];
    }

    /// <summary>Masks have the image's name, with or without "_mask", as PNG or BMP.</summary>
    private static string? MaskOf(string image, string folder)
    {
        string name = Path.Combine(folder, Path.GetFileNameWithoutExtension(image));
        return Array.Find([$"{name}_mask.png", $"{name}.png", $"{name}.bmp"], File.Exists);
    }
}
