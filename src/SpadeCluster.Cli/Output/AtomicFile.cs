namespace SpadeCluster.Cli.Output;

/// <summary>Writes a file as a whole.</summary>
internal static class AtomicFile
{
    /// <summary>Replaces a file, so that a reader, also after a crash, sees the old content or the new one. Creates its folder.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = path + ".tmp";
        using (var file = File.Create(temporary))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }
}
