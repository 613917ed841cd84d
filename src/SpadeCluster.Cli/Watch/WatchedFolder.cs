using System.Text.Json;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Watch;

/// <summary>A folder to watch, as in the file of --folders.</summary>
/// <param name="Done">Folder for scored files; null: they stay.</param>
/// <param name="Bad">Folder for files that cannot be scored; null: 'bad' in the watched folder if scored files are moved, otherwise they
/// stay.</param>
/// <param name="Results">File of results and state.</param>
/// <param name="NamePattern">Metadata from the file's name.</param>
internal sealed record WatchedFolder(string Folder, string Category, string? Done = null, string? Bad = null, string? Results = null,
    string? NamePattern = null, string? Line = null, string? Batch = null, string? Shift = null, string? Operator = null)
{
    public ImageMetadata Metadata => new(Line, null, Batch, Shift, Operator);

    public string? BadFolder => Bad ?? (Done is null ? null : Path.Combine(Folder, "bad"));

    public string ResultsFile => Results ?? Path.Combine(Folder, ".spade-watch.jsonl");

    /// <exception cref="SpadeException">NotFound: no such file. InvalidArgument: not a list of folders.</exception>
    public static IReadOnlyList<WatchedFolder> ReadFile(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (JsonSerializer.Deserialize(file, CliJson.Default.ListWatchedFolder) is { Count: > 0 } folders
                && folders.TrueForAll(f => f is { Folder.Length: > 0, Category.Length: > 0 }))
                return folders;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.NotFound, $"no file '{path}'", e);
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"'{path}' is not a list of folders: {e.Message}", e);
        }
        throw new SpadeException(SpadeError.InvalidArgument,
            $"'{path}' is not a list of folders: it looks like [{{\"folder\": \"/data/line3\", \"category\": \"bottle\", \"line\": "
            + $"\"L3\"}}]");
    }
}
