using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Evaluation.Datasets;

/// <summary>How a published data set lays out its files.</summary>
/// <param name="Folders">What a folder of it contains, for people.</param>
/// <param name="Has">Whether a folder has this layout.</param>
/// <param name="Read">The categories of such a folder.</param>
internal sealed record DatasetLayout(string Name, string Folders, Func<string, bool> Has,
    Func<string, IReadOnlyList<InspectionDataset>> Read)
{
    /// <summary>In the order in which a folder is tried.</summary>
    public static IReadOnlyList<DatasetLayout> All { get; } =
    [
        new("mvtec", "train/good, test/KIND, ground_truth/KIND/NAME_mask.png", MvtecFolders.Mvtec.Has, MvtecFolders.Mvtec.Read),
        new("mvtec2", "train/good, test_public/good and bad, test_public/ground_truth/bad/NAME_mask.png", MvtecFolders.Mvtec2.Has,
            MvtecFolders.Mvtec2.Read),
        new("btad", "train/ok, test/ok and ko, ground_truth/ko/NAME.png", MvtecFolders.Btad.Has, MvtecFolders.Btad.Read),
        new("visa", $"{LabelTable.Visa}, CATEGORY/Data/Images", LabelTable.IsVisa, LabelTable.ReadVisa),
        new("kolektor", "kosNN/PartN.jpg and PartN_label.bmp", Kolektor.Has, Kolektor.Read),
        new("lookout", $"{LookoutManifest.Train} and {LookoutManifest.Test} of Lookout for Vision, and the photographs",
            LookoutManifest.Has, LookoutManifest.Read),
        new("csv", $"{LabelTable.File} with the columns image, split, label, mask", LabelTable.IsFolder, LabelTable.ReadFolder),
    ];

    /// <summary>The categories at <paramref name="path"/>, or in the folders below it.</summary>
    /// <param name="name">Name of the layout; null: recognised.</param>
    /// <exception cref="SpadeException">NotFound: no such folder, or nothing in a known layout in it.</exception>
    public static IReadOnlyList<InspectionDataset> Open(string path, string? name = null)
    {
        if (!Directory.Exists(path)) throw new SpadeException(SpadeError.NotFound, $"no folder '{path}'");
        DatasetLayout[] layouts = [.. All.Where(l => name is null || l.Name == name)];
        IReadOnlyList<InspectionDataset>? In(string folder) => Array.Find(layouts, l => l.Has(folder))?.Read(folder);
        var found = In(path)
            ?? [.. Directory.EnumerateDirectories(path).Order(StringComparer.Ordinal).SelectMany(folder => In(folder) ?? [])];
        return found.Count > 0 ? found : throw new SpadeException(SpadeError.NotFound,
            $"'{path}' has no known layout. Expected in it, or in folders below it: "
            + string.Join("; or ", layouts.Select(l => $"{l.Folders} ({l.Name})")));
    }

    /// <summary>A folder's name, as a category's.</summary>
    public static string NameOf(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
}
