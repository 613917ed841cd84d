namespace SpadeCluster.Features;

/// <summary>A photograph made ready for a model, and how to find one of its pixels in the photograph.</summary>
/// <param name="Input">The model's input.</param>
/// <param name="OriginalWidth">Pixels of the photograph.</param>
/// <param name="OriginalHeight">Pixels of the photograph.</param>
/// <param name="ToOriginal">Maps a point in input pixels to one in photograph pixels.</param>
public sealed record PreparedImage(RgbImage Input, int OriginalWidth, int OriginalHeight, Func<(double X, double Y), (double X, double Y)> ToOriginal);

/// <summary>Decodes photographs and brings them to a model's input size.</summary>
public interface IImagePreparer
{
    /// <summary>A stable text of the geometry; galleries record it and refuse images prepared another way.</summary>
    string Description { get; }

    /// <exception cref="SpadeException">InvalidArgument or ResourceExhausted: not an image, damaged, or too large. The
    /// message names <paramref name="name"/>.</exception>
    PreparedImage Prepare(ReadOnlySpan<byte> file, string name);
}
