namespace SpadeCluster.Evaluation;

/// <summary>One test image of a dataset.</summary>
/// <param name="Path">The image file.</param>
/// <param name="Kind">"good" or a defect's name.</param>
/// <param name="MaskPath">Ground-truth mask; null for good images and where there is none.</param>
/// <param name="MaskAbove">The mask's pixels above this belong to the defect.</param>
public sealed record TestImage(string Path, string Kind, string? MaskPath, byte MaskAbove = 127)
{
    public const string Good = "good";

    /// <summary>Colour of the mask's pixels that do not belong to the defect, 0xRRGGBB; null: <see cref="MaskAbove"/> counts.</summary>
    public int? MaskBackground { get; init; }

    public bool Anomalous => Kind != Good;
}

/// <summary>One category: its normals, and test images with their truth.</summary>
public sealed record InspectionDataset(string Name, string Root, IReadOnlyList<string> Train, IReadOnlyList<TestImage> Test)
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"];

    /// <summary>Whether the name ends as that of an image file.</summary>
    public static bool IsImageFile(string path) => Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Image files of a folder in ordinal order of their names.</summary>
    public static IReadOnlyList<string> ImageFiles(string folder)
        => !Directory.Exists(folder) ? [] : [.. Directory.EnumerateFiles(folder).Where(IsImageFile).Order(StringComparer.Ordinal)];

    /// <summary>The same category, if it has normals and test images.</summary>
    /// <param name="train">Where its normals should be, for the error.</param>
    /// <param name="test">Where its test images should be.</param>
    /// <exception cref="SpadeException">NotFound: there are none.</exception>
    public InspectionDataset Checked(string train, string test)
        => Train.Count == 0 ? throw new SpadeException(SpadeError.NotFound, $"'{train}' holds no images of normals")
            : Test.Count == 0 ? throw new SpadeException(SpadeError.NotFound, $"'{test}' holds no test images") : this;
}
