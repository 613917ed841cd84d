namespace SpadeCluster.Cli.Watch;

/// <summary>Size and time of a file. If they change, the file is another image.</summary>
internal readonly record struct FileStamp(long Bytes, DateTime Modified)
{
    public static FileStamp Of(FileInfo file) => new(file.Length, file.LastWriteTimeUtc);

    /// <returns>Null: there is no such file.</returns>
    public static FileStamp? Of(string path)
    {
        var file = new FileInfo(path);
        try
        {
            return file.Exists ? Of(file) : null;
        }
        catch (IOException)
        {
            // It was deleted between the two calls.
            return null;
        }
    }
}
