using System.Collections.Concurrent;
using System.Text.Json;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Watch;

/// <summary>The outcome for a file of a watched folder: a score, or the reason why there is none.</summary>
internal sealed record WatchedImage(string File, long Bytes, DateTime Modified, DateTime Time, string Category, ImageMetadata Metadata,
    ImageScore? Score, string? Error);

/// <summary>
/// The results of a watched folder, a file of JSON lines, and at the same time the state: a file with a line is not scored again. A line is
/// on the disk before the file is moved. One process at a time has the journal.
/// </summary>
internal sealed class WatchJournal : IDisposable
{
    private readonly FileStream _file;
    private readonly Lock _gate = new();

    /// <exception cref="SpadeException">Unavailable: another process has it, or it cannot be written. DataLoss: a line in it is not a
    /// result.</exception>
    public WatchJournal(string path, string folder)
    {
        try
        {
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.Unavailable,
                $"'{path}' cannot be opened: {e.Message}; is another 'spade watch' using it?", e);
        }
        try
        {
            CutBrokenLine();
            Read(folder);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Files of the folder that have a line, by name.</summary>
    public ConcurrentDictionary<string, FileStamp> Known { get; } = new(StringComparer.Ordinal);

    /// <summary>Those of them whose score failed.</summary>
    public HashSet<string> Failed { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds a line; when this returns, it is on the disk.</summary>
    public void Add(WatchedImage image)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(image, CliJson.Default.WatchedImage), (byte)'\n'];
        lock (_gate)
        {
            _file.Write(line);
            _file.Flush(flushToDisk: true);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>A process that was killed may have left half a line.</summary>
    private void CutBrokenLine()
    {
        long end = _file.Length;
        for (; end > 0; end--)
        {
            _file.Position = end - 1;
            if (_file.ReadByte() == '\n') break;
        }
        _file.SetLength(end);
        _file.Position = 0;
    }

    /// <summary>Keeps the names of files that are still there, so that memory does not grow with the journal.</summary>
    private void Read(string folder)
    {
        using var reader = new StreamReader(_file, leaveOpen: true);
        for (int number = 1; reader.ReadLine() is { } line; number++)
        {
            WatchedImage? image;
            try
            {
                image = JsonSerializer.Deserialize(line, CliJson.Default.WatchedImage);
            }
            catch (JsonException)
            {
                image = null;
            }
            if (image is null)
                throw new SpadeException(SpadeError.DataLoss,
                    $"line {number} of '{_file.Name}' is not a result: move the file away; files that are still there are scored again");
            var stamp = new FileStamp(image.Bytes, image.Modified);
            if (FileStamp.Of(Path.Combine(folder, image.File)) != stamp) continue;
            Known[image.File] = stamp;
            if (image.Error is null) Failed.Remove(image.File);
            else Failed.Add(image.File);
        }
    }
}
