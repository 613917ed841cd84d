using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Composition;

/// <summary>Image files named on the command line.</summary>
internal static class Files
{
    /// <summary>An image source that reads within the decoder's limits.</summary>
    public static ImageSource Source(string path) => new(path, _ => ValueTask.FromResult(ImageReader.ReadBytes(path, ImageLimits.Default)));

    /// <summary>The given files, with folders replaced by the images in them.</summary>
    /// <exception cref="SpadeException">NotFound: a folder without images.</exception>
    public static IReadOnlyList<string> Expand(IEnumerable<string> paths)
    {
        var files = new List<string>();
        foreach (string path in paths)
        {
            if (!Directory.Exists(path))
            {
                files.Add(path);
                continue;
            }
            var found = InspectionDataset.ImageFiles(path);
            if (found.Count == 0) throw new SpadeException(SpadeError.NotFound, $"folder '{path}' contains no image files");
            files.AddRange(found);
        }
        return files;
    }

    /// <summary>A file's text without the line break at its end; for connection strings.</summary>
    public static string Text(string path) => File.ReadAllText(path).Trim();
}
