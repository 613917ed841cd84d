using System.IO.Compression;

namespace SpadeCluster.Server.Tests.TestSets;

/// <summary>Zip files for tests.</summary>
internal static class Zip
{
    public static byte[] Of(params IReadOnlyList<(string Path, byte[] File)> files)
    {
        var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create))
        {
            foreach (var (path, file) in files)
            {
                using var entry = zip.CreateEntry(path).Open();
                entry.Write(file);
            }
        }
        return memory.ToArray();
    }
}
