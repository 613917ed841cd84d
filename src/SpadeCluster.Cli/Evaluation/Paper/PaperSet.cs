using System.Security.Cryptography;
using System.Text;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Cli.Evaluation.Video;
using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>A data set of a run: categories of photographs, or clips.</summary>
/// <param name="Clips">Null for photographs.</param>
internal sealed record PaperSet(string Name, string Root, IReadOnlyList<InspectionDataset> Categories, VideoDataset? Clips)
{
    /// <param name="every">For clips: take every N-th frame of each training clip.</param>
    /// <exception cref="SpadeException">NotFound: no such folder, or nothing in a known layout in it.</exception>
    public static PaperSet Open(string path, int every)
    {
        string name = DatasetLayout.NameOf(path);
        return VideoDataset.Has(path) ? new(name, path, [], VideoDataset.Open(path, every))
            : new(name, path, DatasetLayout.Open(path), null);
    }

    /// <summary>Digest of the names and sizes of a category's files.</summary>
    public string DigestOf(InspectionDataset category) => Digest([.. category.Train, .. category.Test.Select(t => t.Path),
        .. category.Test.Select(t => t.MaskPath).OfType<string>()]);

    /// <summary>The same of the clips.</summary>
    public string DigestOf(VideoDataset clips) => Digest([.. clips.Train, .. clips.Clips.SelectMany(c => c.Frames),
        .. clips.Clips.Select(c => c.FrameMask), .. clips.Clips.Select(c => c.PixelMask).OfType<string>()]);

    private string Digest(IEnumerable<string> files)
    {
        var text = new StringBuilder();
        foreach (string file in files)
            text.Append(Path.GetRelativePath(Root, file)).Append('\t').Append(new FileInfo(file).Length).Append('\n');
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];
    }
}
