using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Evaluation.Datasets;

/// <summary>
/// A data set of Amazon Lookout for Vision: manifest files, with a line of JSON for each photograph, in the folder to which the photographs
/// were downloaded from S3. Source: its developer guide, "Creating a manifest file". Defects in the manifest for training are tested.
/// </summary>
internal static class LookoutManifest
{
    public const string Train = "train.manifest", Test = "test.manifest", Ending = ".manifest";

    private const string Normal = "normal", Anomaly = "anomaly";

    private static readonly JsonSerializerOptions Strict = new()
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public static bool Has(string path) => File.Exists(Path.Combine(path, Train));

    public static IReadOnlyList<InspectionDataset> Read(string path)
    {
        string train = Path.Combine(path, Train), test = Path.Combine(path, Test);
        if (!File.Exists(test)) throw new SpadeException(SpadeError.NotFound, $"no file '{test}': the photographs to test");
        var learned = Images(train);
        return [new InspectionDataset(DatasetLayout.NameOf(path), path, Paths(learned),
            [.. learned.Where(i => i.Anomalous), .. Images(test)]).Checked(train, test)];
    }

    /// <summary>The photographs of a manifest that are labelled as normal.</summary>
    /// <exception cref="SpadeException">InvalidArgument: a line is no entry of a manifest, or its photograph is absent. NotFound: no such
    /// manifest, or no normal in it.</exception>
    public static IReadOnlyList<string> Normals(string manifest)
    {
        if (!File.Exists(manifest)) throw new SpadeException(SpadeError.NotFound, $"no file '{manifest}'");
        return Paths(Images(manifest)) is { Length: > 0 } normals ? normals
            : throw new SpadeException(SpadeError.NotFound, $"'{manifest}' holds no images of normals");
    }

    private static string[] Paths(IReadOnlyList<TestImage> images) => [.. images.Where(i => !i.Anomalous).Select(i => i.Path)];

    private static List<TestImage> Images(string manifest)
    {
        string root = Path.GetDirectoryName(manifest) is { Length: > 0 } folder ? folder : ".";
        var images = new List<TestImage>();
        var lines = new Dictionary<string, int>();
        foreach (var (index, text) in File.ReadLines(manifest).Index())
        {
            if (string.IsNullOrWhiteSpace(text)) continue;
            SpadeException Problem(string what) => new(SpadeError.InvalidArgument, $"{manifest}: line {index + 1}: {what}");
            var image = ImageOf(text, root, Problem);
            if (!lines.TryAdd(image.Path, index + 1))
                throw Problem($"'{image.Path}' is also the file of line {lines[image.Path]}; download with the folders of S3");
            images.Add(image);
        }
        return images;
    }

    private static TestImage ImageOf(string text, string root, Func<string, SpadeException> problem)
    {
        Entry entry;
        try
        {
            entry = JsonSerializer.Deserialize<Entry>(text, Strict) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw problem("is not JSON of Lookout for Vision with \"source-ref\", and \"anomaly-label\" 0 or 1");
        }
        string kind = entry.Metadata?.ClassName ?? (entry.Label == 0 ? Normal : Anomaly);
        if (entry.Label is not (0 or 1) || (kind == Normal) != (entry.Label == 0))
            throw problem($"the label is {entry.Label} and the class '{kind}'; write 0 and {Normal}, or 1 and {Anomaly}");
        string path = Download(entry.Source);
        if (kind == Normal) return new TestImage(path, TestImage.Good, null);
        string background = entry.Masks?.Classes?.Values.FirstOrDefault(c => c.ClassName == "BACKGROUND")?.Colour ?? "#ffffff";
        if (!int.TryParse(background.AsSpan().TrimStart('#'), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int colour))
            throw problem($"the mask's background '{background}' is no colour such as #ffffff");
        return new TestImage(path, kind, entry.Mask is { } mask ? Download(mask) : null) { MaskBackground = colour };

        string Download(string uri) => Find(root, uri)
            ?? throw problem($"'{uri}' is not in '{root}': download it, or delete the line");
    }

    /// <summary>The file of an address in S3. Its first folders may be left out, as 'aws s3 sync s3://BUCKET/PREFIX' does.</summary>
    private static string? Find(string root, string uri)
    {
        string[] parts = uri.Replace("s3://", "", StringComparison.Ordinal).Split('/');
        if (parts.Contains("..")) return null;
        return Enumerable.Range(0, parts.Length).Select(skip => Path.Combine([root, .. parts[skip..]])).FirstOrDefault(File.Exists);
    }

    private sealed record Entry([property: JsonPropertyName("source-ref")] string Source,
        [property: JsonPropertyName("anomaly-label")] int Label,
        [property: JsonPropertyName("anomaly-label-metadata")] ClassOf? Metadata = null,
        [property: JsonPropertyName("anomaly-mask-ref")] string? Mask = null,
        [property: JsonPropertyName("anomaly-mask-ref-metadata")] MaskColours? Masks = null);

    private sealed record ClassOf([property: JsonPropertyName("class-name")] string? ClassName = null,
        [property: JsonPropertyName("hex-color")] string? Colour = null);

    private sealed record MaskColours(
        [property: JsonPropertyName("internal-color-map")] IReadOnlyDictionary<string, ClassOf>? Classes = null);
}
