using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Cli.Watch;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade watch</summary>
internal static class WatchCommand
{
    /// <summary>Images that a server gets at a time from one folder.</summary>
    private const int AtOnceOnServer = 4;

    public static Command Create()
    {
        var path = new Argument<string?>("FOLDER") { Description = "The folder to watch.", Arity = ArgumentArity.ZeroOrOne };
        var category = new Option<string?>("--category") { Description = "Product category.", HelpName = "NAME" };
        var folders = new Option<string?>("--folders")
        {
            Description = "Watch the folders of this file instead: a JSON list of objects with folder and category, and where wanted done, "
                + "bad, results, name_pattern, line, batch, shift, operator.",
            HelpName = "FILE",
        };
        var done = new Option<string?>("--done")
        {
            Description = "Move scored files to this folder. Default: they stay.",
            HelpName = "DIR"
        };
        var bad = new Option<string?>("--bad")
        {
            Description = "Move files that cannot be scored to this folder. Default: FOLDER/bad with --done; otherwise they stay.",
            HelpName = "DIR",
        };
        var results = new Option<string?>("--results")
        {
            Description = "File of results, JSON lines, by which a restart knows what was scored. Default: FOLDER/.spade-watch.jsonl.",
            HelpName = "FILE",
        };
        var pattern = new Option<string?>("--name-pattern")
        {
            Description = "Metadata from file names without extension: {line}, {serial_number}, {batch}, {shift}, {operator}, and * for "
                + "anything, as in \"{serial_number}_*\".",
            HelpName = "PATTERN",
        };
        var settle = CommonOptions.Bounded(new Option<double>("--settle")
        {
            Description = "Seconds without a change of size and time after which a file is complete. A file that is renamed to its name is "
                + "complete at once.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => 0.5,
        }, 0.01, 3600);
        var (gallery, model, memory, json) = (CommonOptions.Gallery(), CommonOptions.Model(), CommonOptions.Memory(), CommonOptions.Json());
        var command = new Command("watch",
            "Score each image file that appears in a folder, once, also after a restart: one line each, or with --json one JSON object per "
            + "line. A file that cannot be scored is reported, and the others go on. Ends with Ctrl-C.\n\n" +
            "Example: spade watch /data/line3 --category bottle --line L3 --done /data/done --name-pattern \"{serial_number}_*\"\n" +
            "Example: spade watch --folders folders.json --server 127.0.0.1:5081 --json")
        {
            path, category, folders, done, bad, results, pattern, settle, gallery, model, memory, json,
        };
        var metadata = new MetadataOptions(command, serialNumber: false);
        var extractor = new DeviceOptions(command);
        var server = new RemoteOptions(command, [gallery, model, memory, .. extractor.All]);
        command.Validators.Add(result =>
        {
            bool one = result.GetValue(path) is not null && result.GetValue(category) is not null;
            if (one == (result.GetValue(folders) is not null) || (!one && result.GetValue(path) is not null))
                result.AddError("watch takes FOLDER and --category, or --folders FILE");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            var watched = parsed.GetValue(folders) is { } file ? WatchedFolder.ReadFile(file)
                : [new WatchedFolder(parsed.GetValue(path)!, parsed.GetValue(category)!, parsed.GetValue(done), parsed.GetValue(bad),
                    parsed.GetValue(results), parsed.GetValue(pattern))];
            var known = metadata.Read(parsed);
            if (watched.FirstOrDefault(f => !Directory.Exists(f.Folder)) is { } missing)
                throw new SpadeException(SpadeError.NotFound, $"no folder '{missing.Folder}'");
            var wait = TimeSpan.FromSeconds(parsed.GetValue(settle));
            using var remote = server.Connect(parsed);
            if (remote is not null)
            {
                await CheckAsync(remote.Galleries(Environment.UserName));
                return await RunAsync(AtOnceOnServer, remote.ScoreAsync);
            }
            var store = GalleryLocation.Open(parsed.GetRequiredValue(gallery));
            using var engines = new Engines(parsed.GetValue(model), extractor.Read(parsed));
            await CheckAsync(engines.Galleries(store, Environment.UserName));
            using var scoring = new ScoringService(store, engines, threads: engines.Threads, memory: parsed.Bytes(memory));
            return await RunAsync(1, async (name, source, ct) => ImageScore.Of(await scoring.ScoreAsync(name, source, ct)));

            async Task CheckAsync(IGalleryService galleries)
            {
                foreach (string name in watched.Select(f => f.Category).Distinct()) await galleries.GetAsync(name, cancellation);
            }

            async Task<int> RunAsync(int atOnce, Func<string, ImageSource, CancellationToken, Task<ImageScore>> score)
            {
                using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                var running = watched.Select(f => new FolderInspection(f, f.Metadata.Or(known).Check(), wait, atOnce, score,
                    r => Report(r, parsed.GetValue(json)), Warn).RunAsync(stop.Token)).ToList();
                Warn($"watching {string.Join(", ", watched.Select(f => f.Folder))}; Ctrl-C ends");
                try
                {
                    await await Task.WhenAny(running);
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    // The usual end.
                }
                finally
                {
                    await stop.CancelAsync();
                    await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
                return 0;
            }
        });
        return command;
    }

    private static void Report(WatchedImage result, bool json)
    {
        if (json) CliJson.WriteLine(result, CliJson.Default.WatchedImage);
        else if (result.Score is { } score) Console.WriteLine(ScoreCommand.Line(score));
    }

    private static void Warn(string message) => Console.Error.WriteLine($"spade: {message}");
}
