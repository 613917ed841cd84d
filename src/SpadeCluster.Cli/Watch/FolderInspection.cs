using SpadeCluster.Cli.Composition;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Watch;

/// <summary>Scores each complete file of a folder once, writes its result, then moves it.</summary>
/// <param name="score">Scores an image of a category.</param>
/// <param name="report">Prints a result.</param>
internal sealed class FolderInspection(WatchedFolder folder, ImageMetadata metadata, TimeSpan settle, int atOnce,
    Func<string, ImageSource, CancellationToken, Task<ImageScore>> score, Action<WatchedImage> report, Action<string> warn)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), LongestWait = TimeSpan.FromSeconds(30);

    private readonly NamePattern? _pattern = folder.NamePattern is { } text ? new NamePattern(text) : null;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (string? target in new[] { folder.Done, folder.BadFolder })
            if (target is not null) Directory.CreateDirectory(target);
        using var journal = new WatchJournal(folder.ResultsFile, folder.Folder);
        // A process that was killed may have scored these without moving them.
        foreach (string name in journal.Known.Keys) Move(name, journal.Failed.Contains(name));
        var watch = new FolderWatch(folder.Folder, journal.Known, settle, warn, TimeProvider.System);
        await Parallel.ForEachAsync(watch.FilesAsync(cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken },
            async (file, ct) => await InspectAsync(journal, file, ct));
    }

    private async Task InspectAsync(WatchJournal journal, CompleteFile file, CancellationToken cancellationToken)
    {
        var known = MetadataOf(file.Name);
        var source = Files.Source(Path.Combine(folder.Folder, file.Name)) with { Metadata = known };
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                var found = await score(folder.Category, source, cancellationToken) with { File = file.Name };
                Finish(found, null);
                return;
            }
            catch (SpadeException e) when (!File.Exists(Path.Combine(folder.Folder, file.Name)))
            {
                warn($"{e.Message}; the file is no longer there");
                return;
            }
            catch (SpadeException e) when (e is { RetryAfter: null, Error: SpadeError.InvalidArgument or SpadeError.ResourceExhausted })
            {
                warn(e.Message);
                Finish(null, e.Message);
                return;
            }
            catch (SpadeException e)
            {
                // Not the file's fault: it waits.
                warn($"{file.Name} waits: {e.Message}");
                await Task.Delay(wait, cancellationToken);
            }
        }

        void Finish(ImageScore? found, string? error)
        {
            var result = new WatchedImage(file.Name, file.Stamp.Bytes, file.Stamp.Modified, DateTime.UtcNow, folder.Category, known, found,
                error);
            journal.Add(result);
            report(result);
            Move(file.Name, error is not null);
        }
    }

    private ImageMetadata MetadataOf(string name)
    {
        try
        {
            if (_pattern is null) return metadata;
            if (_pattern.Read(name) is { } read) return read.Or(metadata);
            warn($"{name}: the name does not fit the pattern '{folder.NamePattern}'; scored without it");
        }
        catch (SpadeException e)
        {
            warn($"{name}: {e.Message}; scored without it");
        }
        return metadata;
    }

    private void Move(string name, bool bad)
    {
        if ((bad ? folder.BadFolder : folder.Done) is not { } target) return;
        string to = Path.Combine(target, name);
        // Cameras use names again.
        for (int i = 2; File.Exists(to); i++)
            to = Path.Combine(target, $"{Path.GetFileNameWithoutExtension(name)} ({i}){Path.GetExtension(name)}");
        try
        {
            File.Move(Path.Combine(folder.Folder, name), to);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"{name} cannot be moved to '{target}': {e.Message}");
        }
    }
}
