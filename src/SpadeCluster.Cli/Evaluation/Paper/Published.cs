namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>Where published figures are from.</summary>
/// <param name="Column">The column of tables that has them.</param>
internal sealed record PublishedSource(string Column, string Source);

/// <summary>Published figures of a category of MVTec AD, in percent.</summary>
/// <param name="Train">Number of its normals, and of its test images: other data sets have categories of the same name.</param>
/// <param name="PaperPixel">The paper's pixel-level ROC AUC.</param>
/// <param name="OtherImage">SPADE-pytorch's image-level ROC AUC, and its pixel-level one.</param>
internal sealed record PublishedCategory(string Name, int Train, int Test, double PaperPixel, double OtherImage, double OtherPixel);

/// <summary>Figures from the literature. What is not here was not found in a source that could be read.</summary>
internal static class Published
{
    public const string Paper = "paper", Other = "SPADE-pytorch, K 5";

    /// <summary>The paper's means over MVTec AD's categories, and its frame-level figure on ShanghaiTech Campus, in percent.</summary>
    public const double ImageMean = 85.5, PixelMean = 96.0, ProMean = 91.7, ShanghaiTechFrames = 71.9;

    /// <summary>Test clips of ShanghaiTech Campus.</summary>
    public const int ShanghaiTechClips = 107;

    /// <summary>SPADE-pytorch's means.</summary>
    public const double OtherImageMean = 85.4, OtherPixelMean = 96.4;

    public static IReadOnlyList<PublishedSource> Sources { get; } =
    [
        new(Paper, "Cohen and Hoshen, arXiv 2005.02357, Wide-ResNet50-2: means, and ShanghaiTech's frames; pixel ROC AUC by category as "
            + "quoted in the column 'Paper' of https://github.com/byungjae89/SPADE-pytorch (README.md at 077c67b), whose rows have the "
            + "paper's mean of 96.0; the mean printed there, 96.5, is not used"),
        new(Other, "https://github.com/byungjae89/SPADE-pytorch (README.md at 077c67b), column 'Implementation': another implementation, "
            + "with 5 neighbours instead of 50"),
    ];

    /// <summary>MVTec AD's categories.</summary>
    public static IReadOnlyList<PublishedCategory> Mvtec { get; } =
    [
        new("bottle", 209, 83, 98.4, 97.2, 97.0),
        new("cable", 224, 150, 97.2, 84.8, 92.3),
        new("capsule", 219, 132, 99.0, 89.7, 98.4),
        new("carpet", 280, 117, 97.5, 92.8, 98.9),
        new("grid", 264, 78, 93.7, 47.3, 98.3),
        new("hazelnut", 391, 110, 99.1, 88.1, 98.5),
        new("leather", 245, 124, 97.6, 95.4, 99.3),
        new("metal_nut", 220, 115, 98.1, 71.0, 97.1),
        new("pill", 267, 167, 96.5, 80.1, 95.0),
        new("screw", 320, 160, 98.9, 66.7, 99.1),
        new("tile", 230, 117, 87.4, 96.5, 92.8),
        new("toothbrush", 60, 42, 97.9, 88.9, 98.8),
        new("transistor", 213, 100, 94.1, 90.3, 86.6),
        new("wood", 247, 79, 88.5, 95.8, 95.3),
        new("zipper", 240, 151, 96.5, 96.6, 98.6),
    ];

    /// <summary>The figures of a category, if it has the name and the numbers of images of one of MVTec AD's.</summary>
    public static PublishedCategory? Find(PaperResult result)
        => Mvtec.FirstOrDefault(c => (c.Name, c.Train, c.Test) == (result.Category, result.Train, result.Test));
}
