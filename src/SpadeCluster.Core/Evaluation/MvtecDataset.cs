namespace SpadeCluster.Evaluation;

/// <summary>One test image of a dataset.</summary>
/// <param name="Path">The image file.</param>
/// <param name="Kind">Its folder: "good" or a defect's name.</param>
/// <param name="MaskPath">Ground-truth mask; null for good images and where there is none.</param>
public sealed record TestImage(string Path, string Kind, string? MaskPath)
{
    public bool Anomalous => Kind != "good";
}

/// <summary>One category in MVTec AD's layout: train/good, test/good, test/DEFECT, ground_truth/DEFECT/NAME_mask.png.</summary>
public sealed record MvtecDataset(string Name, string Root, IReadOnlyList<string> Train, IReadOnlyList<TestImage> Test)
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"];

    /// <summary>Whether the name ends as that of an image file.</summary>
    public static bool IsImageFile(string path) => Extensions.Contains(System.IO.Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Image files of a folder in ordinal order of their names.</summary>
    public static IReadOnlyList<string> ImageFiles(string folder)
        => !Directory.Exists(folder) ? [] : [.. Directory.EnumerateFiles(folder)
            .Where(IsImageFile).Order(StringComparer.Ordinal)];

    /// <summary>The category at <paramref name="path"/>, or all categories in the folders below it.</summary>
    /// <exception cref="SpadeException">NotFound: no such folder, or nothing in the layout in it.</exception>
    public static IReadOnlyList<MvtecDataset> Open(string path)
    {
        if (!Directory.Exists(path)) throw new SpadeException(SpadeError.NotFound, $"no folder '{path}'");
        if (IsCategory(path)) return [OpenCategory(path)];
        MvtecDataset[] found = [.. Directory.EnumerateDirectories(path).Where(IsCategory).Order(StringComparer.Ordinal)
            .Select(OpenCategory)];
        return found.Length > 0 ? found
            : throw new SpadeException(SpadeError.NotFound,
                $"'{path}' is not in MVTec's layout: expected train/good and test/<kind> in it, or in folders below it");
    }

    private static bool IsCategory(string path) =>
        Directory.Exists(Path.Combine(path, "train", "good")) && Directory.Exists(Path.Combine(path, "test"));

    private static MvtecDataset OpenCategory(string path)
    {
        var train = ImageFiles(Path.Combine(path, "train", "good"));
        var test = new List<TestImage>();
        foreach (string folder in Directory.EnumerateDirectories(Path.Combine(path, "test")).Order(StringComparer.Ordinal))
        {
            string kind = Path.GetFileName(folder);
            foreach (string file in ImageFiles(folder))
            {
                string mask = Path.Combine(path, "ground_truth", kind, Path.GetFileNameWithoutExtension(file) + "_mask.png");
                test.Add(new TestImage(file, kind, kind != "good" && File.Exists(mask) ? mask : null));
            }
        }
        if (train.Count == 0) throw new SpadeException(SpadeError.NotFound, $"'{Path.Combine(path, "train", "good")}' holds no images");
        if (test.Count == 0) throw new SpadeException(SpadeError.NotFound, $"'{Path.Combine(path, "test")}' holds no images");
        return new MvtecDataset(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))), path, train, test);
    }
}
