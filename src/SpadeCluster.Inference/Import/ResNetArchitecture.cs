namespace SpadeCluster.Inference.Import;

/// <summary>A member of the residual network family (He et al. 2016; Zagoruyko and Komodakis 2016 for the wide one).</summary>
/// <param name="Blocks">Residual blocks per stage; three entries where the last stage is not used.</param>
/// <param name="Bottleneck">Blocks of 1x1, 3x3, 1x1 convolutions, output 4 times as wide; else two 3x3 convolutions.</param>
/// <param name="WidthFactor">Width of the bottleneck relative to the usual one.</param>
/// <param name="CaffeStyle">The Caffe release's three differences: the stride of a stage is in its first 1x1 convolution, the first pool
/// rounds its size up instead of padding on top and left, and the stem has a bias.</param>
/// <param name="LevelScales">See <see cref="ModelManifest.LevelScales"/>; null: not measured, or not needed.</param>
internal sealed record ResNetArchitecture(string Name, int[] Blocks, bool Bottleneck, int WidthFactor = 1, bool CaffeStyle = false,
    float[]? LevelScales = null)
{
    public static readonly ResNetArchitecture WideResNet50 = new("wide_resnet50_2", [3, 4, 6, 3], true, WidthFactor: 2);

    public static readonly IReadOnlyList<ResNetArchitecture> All =
    [
        new("resnet18", [2, 2, 2, 2], false),
        new("resnet34", [3, 4, 6, 3], false),
        new("resnet50", [3, 4, 6, 3], true),
        new("resnet101", [3, 4, 23, 3], true),
        WideResNet50,
        // The total variances of its levels over normals are in the ratio 1 : 2.7 : 4.4; models/README.md has the effect of the scales.
        new("resnet50-caffe", [3, 4, 6], true, CaffeStyle: true, LevelScales: [1, 0.84f, 0.71f]),
    ];

    public int Expansion => Bottleneck ? 4 : 1;

    public string Origin => CaffeStyle
        ? "ResNet-50, He et al., the Caffe release, stem to layer3"
        : $"{Name}, weights with torchvision's parameter names";
}
