using System.Globalization;
using System.Text;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Evaluation.Report;

/// <summary>The report's photographs: each is embedded once, as a symbol that all views of it use.</summary>
/// <param name="count">Number of photographs that may be embedded.</param>
internal sealed class Photographs(int count)
{
    /// <summary>Limits the report's size: each photograph has an equal part of it.</summary>
    private const int TotalBytes = 24_000_000, MostBytes = 400_000, LeastBytes = 8_000;

    /// <summary>Highest number of pixels of a photograph's longer side.</summary>
    private const int LargestSide = 1600;

    private readonly int _bytes = Math.Clamp(TotalBytes / Math.Max(1, count), LeastBytes, MostBytes);
    private readonly Dictionary<string, (string Id, int Width, int Height)> _known = [];
    private readonly StringBuilder _symbols = new();

    /// <summary>All symbols, for the end of the page.</summary>
    public string Symbols => $"<svg class='symbols' width='0' height='0' aria-hidden='true'>{_symbols}</svg>";

    /// <summary>A photograph in a view whose unit is a pixel of the model's input.</summary>
    public string Show(string file, Preprocessing preprocessing)
    {
        if (!_known.TryGetValue(file, out var known)) _known[file] = known = Embed(file);
        var g = preprocessing.Geometry(known.Width, known.Height);
        return string.Create(CultureInfo.InvariantCulture,
            $"<use href='#{known.Id}' x='{-g.Left}' y='{-g.Top}' width='{g.ResizedWidth}' height='{g.ResizedHeight}'/>");
    }

    /// <summary>Width and height of a photograph in such a view.</summary>
    public (int Width, int Height) Size(string file, Preprocessing preprocessing)
    {
        if (preprocessing.ShorterSide is not null) return (preprocessing.Width, preprocessing.Height);
        var g = preprocessing.Geometry(_known[file].Width, _known[file].Height);
        return (g.ResizedWidth, g.ResizedHeight);
    }

    private (string Id, int Width, int Height) Embed(string file)
    {
        var photograph = ImageReader.Default.ReadFile(file);
        string id = $"p{_known.Count}";
        _symbols.Append($"<symbol id='{id}' viewBox='0 0 1 1' preserveAspectRatio='none'><image width='1' height='1' "
            + $"preserveAspectRatio='none' href='{Jpeg(photograph, _bytes, LargestSide)}'/></symbol>");
        return (id, photograph.Width, photograph.Height);
    }

    /// <summary>A picture as an address that contains it.</summary>
    public static string Jpeg(RgbImage image, int bytes, int side)
        => "data:image/jpeg;base64," + Convert.ToBase64String(Thumbnail.Encode(image, bytes, side) ?? []);
}
