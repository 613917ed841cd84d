using System.IO.Compression;
using SpadeCluster.Evaluation;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.TestSets;

/// <summary>A photograph whose truth is known.</summary>
/// <param name="Kind">"good", or the defect's name.</param>
/// <param name="Mask">An image file of the photograph's proportions, white on the defect; null: there is none.</param>
internal sealed record TestPhotograph(string Name, string Kind, byte[] File, byte[]? Mask)
{
    public bool Good => Kind == TestImage.Good;
}

/// <summary>
/// A test set as people send it, in a form: parts named 'good', 'defect' and 'mask'; or parts named 'set', which are the files of a folder
/// with their paths, or a zip file of one. In a folder, the last folder of a path is the kind: good (or ok), or the defect's name. Masks
/// are below 'ground_truth', in the folder of the kind, with the photograph's name, with or without '_mask'. 'train' is left out.
/// </summary>
internal static class TestSet
{
    private const string Truth = "ground_truth", MaskEnd = "_mask";

    /// <param name="options">Its limits of photographs and bytes count for what is in all zip files together, too.</param>
    /// <exception cref="SpadeException">InvalidArgument: a part with another name, a photograph in no folder, a mask without a photograph,
    /// or no photograph at all. ResourceExhausted: too many photographs or bytes.</exception>
    public static IReadOnlyList<TestPhotograph> Read(IReadOnlyList<SentImage> parts, ServerOptions options)
    {
        var (photographs, masks) = (new List<TestPhotograph>(), new Dictionary<string, byte[]>(StringComparer.Ordinal));
        (long Bytes, int Files) left = (options.MaxBodyBytes, 2 * options.MaxBatch);
        foreach (var (path, file) in parts.SelectMany(p => Files(p, options, ref left)))
        {
            string[] folders = path.Split('/', '\\')[..^1];
            string name = SentImage.Harmless(path, "image"), stem = Path.GetFileNameWithoutExtension(name);
            if (!InspectionDataset.IsImageFile(name) || name.StartsWith('.') || folders.Contains("train")) continue;
            if (folders.Length == 0)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"'{name}' is in no folder: put good parts into a folder 'good', and defects into folders with their names");
            string kind = folders[^1] == "ok" ? TestImage.Good : SentImage.Harmless(folders[^1], "defect");
            if (!folders.Contains(Truth)) photographs.Add(new TestPhotograph(name, kind, file, null));
            else masks[$"{kind}/{(stem.EndsWith(MaskEnd, StringComparison.Ordinal) ? stem[..^MaskEnd.Length] : stem)}"] = file;
        }
        if (photographs.Count == 0)
            throw new SpadeException(SpadeError.InvalidArgument,
                "the test set has no photographs: send at least one of a good part or a defect");
        if (photographs.Count > options.MaxBatch)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"the test set has {photographs.Count} photographs, and at most {options.MaxBatch} are possible: leave some out");
        List<TestPhotograph> complete =
            [.. photographs.Select(p => masks.Remove($"{p.Kind}/{Path.GetFileNameWithoutExtension(p.Name)}", out byte[]? mask)
                ? p with { Mask = mask } : p)];
        return masks.Keys.FirstOrDefault() is not { } lost ? complete
            : throw new SpadeException(SpadeError.InvalidArgument,
                $"the mask '{lost}' belongs to no photograph: give it the photograph's name, in the folder of the same kind");
    }

    /// <summary>The files of a part, with their paths in the set.</summary>
    private static IEnumerable<(string Path, byte[] File)> Files(SentImage part, ServerOptions options, ref (long Bytes, int Files) left)
        => part.Field switch
        {
            "good" or "defect" => [($"{part.Field}/{part.Name}", part.File)],
            "mask" => [($"{Truth}/defect/{part.Name}", part.File)],
            "set" when part.File.AsSpan().StartsWith("PK"u8) => Unpacked(part, options, ref left),
            "set" => [(part.Path, part.File)],
            _ => throw new SpadeException(SpadeError.InvalidArgument, $"'{part.Name}' is sent as '{part.Field}': send good parts as "
                + "'good', defects as 'defect' and their masks as 'mask', such as -F good=@a.png; or a zip file of a folder as 'set'"),
        };

    /// <param name="left">What all zip files of the set may still hold.</param>
    private static List<(string Path, byte[] File)> Unpacked(SentImage part, ServerOptions options, ref (long Bytes, int Files) left)
    {
        var files = new List<(string, byte[])>();
        try
        {
            using var zip = new ZipArchive(new MemoryStream(part.File), ZipArchiveMode.Read);
            foreach (var entry in zip.Entries.Where(e => InspectionDataset.IsImageFile(e.Name)))
            {
                using var stream = entry.Open();
                // A size that the zip file claims is bounded before it is allocated.
                byte[] file = new byte[Math.Min(entry.Length, left.Bytes) + 1];
                int read = stream.ReadAtLeast(file, file.Length, throwOnEndOfStream: false);
                left = (left.Bytes - read, left.Files - 1);
                if (left is { Bytes: < 0 } or { Files: < 0 })
                    throw new SpadeException(SpadeError.ResourceExhausted, "the test set holds more than "
                        + $"{options.MaxBodyBytes >> 20} MB or {options.MaxBatch} photographs with their masks: leave some out");
                files.Add((entry.FullName, file[..read]));
            }
        }
        catch (InvalidDataException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"'{part.Name}' is damaged, or is no zip file that can be read", e);
        }
        return files;
    }
}
