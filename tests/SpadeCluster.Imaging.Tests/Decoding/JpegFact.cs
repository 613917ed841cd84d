using SpadeCluster.Tests;

namespace SpadeCluster.Imaging.Tests;

internal static class Jpeg
{
    public static string? Missing => JpegDecoder.IsAvailable ? null : "needs libturbojpeg (Debian: apt-get install libturbojpeg0)";
}

/// <summary>Skipped, by name, where libturbojpeg is absent.</summary>
public sealed class JpegFactAttribute : FactAttribute
{
    public JpegFactAttribute() => Skip = Jpeg.Missing;
}

/// <inheritdoc cref="JpegFactAttribute"/>
public sealed class JpegTheoryAttribute : TheoryAttribute
{
    public JpegTheoryAttribute() => Skip = Jpeg.Missing;
}

/// <summary>Needs both libturbojpeg and ../shared/data.</summary>
public sealed class SharedJpegFactAttribute : FactAttribute
{
    public SharedJpegFactAttribute() => Skip = new SharedDataFactAttribute().Skip ?? Jpeg.Missing;
}
