namespace SpadeCluster.Features;

/// <summary>A photograph prepared for a model, and the map from its pixels back to the photograph's.</summary>
/// <param name="Input">The model's input, in the size the model asks for.</param>
/// <param name="OriginalWidth">Width of the photograph in pixels.</param>
/// <param name="OriginalHeight">Height of the photograph in pixels.</param>
/// <param name="ToOriginal">Maps a point in input pixels to one in photograph pixels.</param>
public sealed record PreparedImage(RgbImage Input, int OriginalWidth, int OriginalHeight,
    Func<(double X, double Y), (double X, double Y)> ToOriginal);

/// <summary>Decodes photographs and brings them to a model's input size.</summary>
public interface IImagePreparer
{
    /// <summary>A stable text of the geometry; galleries record it and refuse images prepared another way.</summary>
    string Description { get; }

    /// <exception cref="SpadeException">InvalidArgument or ResourceExhausted: not an image, damaged, or too large. The
    /// message names <paramref name="name"/>.</exception>
    PreparedImage Prepare(ReadOnlySpan<byte> file, string name);
}
