using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Watch;

/// <summary>A complete image file of a watched folder.</summary>
internal sealed record CompleteFile(string Name, FileStamp Stamp);

/// <summary>
/// Finds the complete image files of a folder, each once: those that are there, and new ones. A file is complete when its size and time
/// have not changed for a while, or at once when it was renamed to its name. The system's events only name files to look at; a scan follows
/// lost events, and is repeated because network file systems report no events.
/// </summary>
/// <param name="known">Files that were found earlier, by name.</param>
/// <param name="clock">Measures the time between scans. It must not depend on the time of day, which may be set back.</param>
internal sealed class FolderWatch(string folder, ConcurrentDictionary<string, FileStamp> known, TimeSpan settle, Action<string> warn,
    TimeProvider clock)
{
    private static readonly TimeSpan BetweenScans = TimeSpan.FromSeconds(10);

    /// <summary>Files that may be incomplete, with the stamp of the last look; null: not looked at since the last event.</summary>
    private readonly ConcurrentDictionary<string, FileStamp?> _waiting = new(StringComparer.Ordinal);
    private volatile bool _lost = true;
    private bool _warned;

    public async IAsyncEnumerable<CompleteFile> FilesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(settle);
        var (watcher, scanned) = ((FileSystemWatcher?)null, 0L);
        try
        {
            do
            {
                if (_lost)
                {
                    watcher?.Dispose();
                    watcher = Watch();
                }
                if (watcher is null) continue;
                if (_lost || clock.GetElapsedTime(scanned) > BetweenScans)
                {
                    // Before the scan, so that events lost during it cause another one.
                    _lost = false;
                    Scan();
                    scanned = clock.GetTimestamp();
                }
                foreach (var file in Complete())
                {
                    known[file.Name] = file.Stamp;
                    yield return file;
                }
            }
            while (await timer.WaitForNextTickAsync(cancellationToken));
        }
        finally
        {
            watcher?.Dispose();
        }
    }

    /// <returns>Null: the folder does not exist now.</returns>
    private FileSystemWatcher? Watch()
    {
        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new FileSystemWatcher(folder)
            {
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite
                | NotifyFilters.Size
            };
            watcher.Created += (_, e) => Look(e.Name, null);
            watcher.Changed += (_, e) => Look(e.Name, null);
            // Whoever renames a file has finished it.
            watcher.Renamed += (_, e) =>
            {
                Forget(e.OldName);
                Look(e.Name, FileStamp.Of(e.FullPath));
            };
            watcher.Deleted += (_, e) => Forget(e.Name);
            watcher.Error += (_, _) => _lost = true;
            watcher.EnableRaisingEvents = true;
            _warned = false;
            return watcher;
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            watcher?.Dispose();
            if (!_warned) warn($"folder '{folder}' cannot be watched now: {e.Message}; trying again");
            _warned = true;
            return null;
        }
    }

    private void Look(string? name, FileStamp? stamp)
    {
        if (name is not null && IsImage(name)) _waiting[name] = stamp;
    }

    /// <summary>Keeps the names of present files only, so that memory does not grow with the number of images.</summary>
    private void Forget(string? name)
    {
        if (name is not null) known.TryRemove(name, out _);
    }

    private void Scan()
    {
        try
        {
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles())
                if (IsImage(file.Name) && !IsKnown(file.Name, FileStamp.Of(file))) _waiting.TryAdd(file.Name, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The folder is gone, or a file was deleted meanwhile.
            _lost = true;
        }
    }

    private List<CompleteFile> Complete()
    {
        var complete = new List<CompleteFile>();
        foreach (var (name, last) in _waiting)
        {
            if (FileStamp.Of(Path.Combine(folder, name)) is not { } now)
            {
                _waiting.TryRemove(name, out _);
                continue;
            }
            // An empty file waits for its content.
            if (now != last || now.Bytes == 0) _waiting.TryUpdate(name, now, last);
            // False: an event came meanwhile.
            else if (_waiting.TryRemove(KeyValuePair.Create(name, last)) && !IsKnown(name, now)) complete.Add(new CompleteFile(name, now));
        }
        return [.. complete.OrderBy(f => f.Stamp.Modified).ThenBy(f => f.Name, StringComparer.Ordinal)];
    }

    private bool IsKnown(string name, FileStamp stamp) => known.TryGetValue(name, out var found) && found == stamp;

    private static bool IsImage(string name) => name[0] != '.' && InspectionDataset.IsImageFile(name);
}
