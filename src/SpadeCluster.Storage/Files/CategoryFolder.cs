using System.Globalization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// One category's folder:
/// <code>
/// CURRENT                 which version is current
/// LOCK                    held by the writer; the system releases it when the process ends for any reason
/// versions/000001.json    manifests, immutable; a reader that has pinned one holds a shared lock on it
/// images/ab/ab12...spade  one segment per normal image, immutable
/// FRONTS                  copies of the prefixes (header, pooled feature) of the current version's segments, for fast opening
/// tmp/                    files being written; the next writer empties it
/// </code>
/// </summary>
internal sealed class CategoryFolder(string path)
{
    public string Path { get; } = path;
    public string Current { get; } = System.IO.Path.Combine(path, "CURRENT");
    public string Prefixes { get; } = System.IO.Path.Combine(path, "FRONTS");
    public string LockFile { get; } = System.IO.Path.Combine(path, "LOCK");
    public string Versions { get; } = System.IO.Path.Combine(path, "versions");
    public string Images { get; } = System.IO.Path.Combine(path, "images");
    public string Temporary { get; } = System.IO.Path.Combine(path, "tmp");

    public string Manifest(int version) => System.IO.Path.Combine(Versions, ManifestName(version));

    public string Image(ImageId id) => System.IO.Path.Combine(Images, ImageName(id)[..2], ImageName(id));

    public static string ManifestName(int version) => version.ToString("000000", CultureInfo.InvariantCulture) + ".json";

    public static string ImageName(ImageId id) => id + ".spade";

    public static bool TryParseManifestName(string name, out int version)
        => int.TryParse(System.IO.Path.GetFileNameWithoutExtension(name), NumberStyles.None, CultureInfo.InvariantCulture, out version)
            && ManifestName(version) == name;

    public static bool TryParseImageName(string name, out ImageId id)
        => ImageId.TryParse(System.IO.Path.GetFileNameWithoutExtension(name), out id) && ImageName(id) == name;

    /// <summary>The versions whose manifests exist, ascending.</summary>
    public IEnumerable<int> ManifestsPresent()
        => !Directory.Exists(Versions) ? []
            : Directory.EnumerateFiles(Versions).Select(f => TryParseManifestName(System.IO.Path.GetFileName(f), out int v) ? v : 0)
                .Where(v => v > 0).Order();

    public IEnumerable<(ImageId Id, FileInfo File)> ImagesPresent()
        => !Directory.Exists(Images) ? [] : new DirectoryInfo(Images).EnumerateFiles("*", SearchOption.AllDirectories)
            .Select(f => (Known: TryParseImageName(f.Name, out var id), Id: id, File: f)).Where(f => f.Known).Select(f => (f.Id, f.File));

    /// <summary>Writes one of the category's files, durably.</summary>
    public void Write(string file, byte[] content) => Write(file, stream => stream.Write(content));

    public void Write(string file, Action<Stream> write)
    {
        DurableFile.CreateFolder(Temporary);
        DurableFile.CreateFolder(System.IO.Path.GetDirectoryName(file)!);
        DurableFile.Write(file, System.IO.Path.Combine(Temporary, System.IO.Path.GetFileName(file)), write);
    }
}
