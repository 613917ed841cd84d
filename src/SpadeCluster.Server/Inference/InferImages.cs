using SpadeCluster.Features;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.Inference;

/// <summary>
/// The input tensor <c>image</c>: UINT8 of shape [height, width, 3] or [n, height, width, 3], RGB; or BYTES of shape [n], each
/// an image file.
/// </summary>
internal static class InferImages
{
    /// <exception cref="SpadeException">InvalidArgument: another tensor, or values that do not fill its shape.</exception>
    public static IReadOnlyList<SentImage> Read(string name, string? datatype, IReadOnlyList<long> shape, ITensorValues values, int most)
    {
        if (name != "image") throw Invalid($"the input is called 'image', not '{SentImage.Harmless(name, "")}'");
        if (shape.Any(n => n is < 1 or > int.MaxValue)) throw Invalid("a tensor's shape has whole numbers above 0");
        return (datatype, shape) switch
        {
            ("BYTES", [var n]) when n <= most => Files(values, n),
            ("BYTES", [var n, var m]) when n <= most && m <= most && n * m <= most => Files(values, n * m),
            ("UINT8", [var height, var width, 3]) => Pixels(values, 1, height, width),
            ("UINT8", [var n, var height, var width, 3]) when n <= most => Pixels(values, n, height, width),
            _ => throw Invalid($"'image' is UINT8 of shape [height, width, 3] or [n, height, width, 3], or BYTES of shape [n] with "
            + $"image files; at most {most} at once"),
        };
    }

    private static List<SentImage> Files(ITensorValues values, long count)
    {
        var files = values.Files().Select((file, i) => new SentImage(NameOf(i), file)).ToList();
        return files.Count == count ? files : throw Invalid($"the shape has {count} files, but {files.Count} were sent");
    }

    private static List<SentImage> Pixels(ITensorValues values, long count, long height, long width)
    {
        SpadeCluster.Imaging.ImageLimits.Default.CheckSize(width, height);
        int size = checked((int)(3 * width * height));
        var pixels = values.Pixels();
        if (pixels.Length != count * size) throw Invalid($"the shape has {count * size} values, but {pixels.Length} were sent");
        return [.. Enumerable.Range(0, (int)count).Select(i => new SentImage(NameOf(i),
            new RawImage(NameOf(i), RawFormat.Rgb8, (int)width, (int)height, pixels.Slice(i * size, size)).Pack()))];
    }

    private static string NameOf(int index) => $"image {index + 1}";

    internal static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
