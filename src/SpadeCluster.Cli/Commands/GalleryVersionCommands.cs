using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Galleries;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Snapshots;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade gallery history|diff|rollback|restore|trial|reshard|compact|compress|export|import</summary>
internal static class GalleryVersionCommands
{
    public static IEnumerable<Command> All() => [History(), Diff(), RollBack(), Restore(), Trial(), ShadowCommand.Create(), Reshard(),
        Compact(), Compress(), Export(), Import()];

    private static Argument<string> Category() => new("CATEGORY") { Description = "Name of the product category." };

    private static Argument<int> Version(string name) => new(name) { Description = "Number of a version, as 'gallery history' prints it." };

    private static GalleryStore Store(ParseResult parsed, Option<string> gallery) => GalleryLocation.Open(parsed.GetRequiredValue(gallery));

    private static Command History()
    {
        var category = Category();
        var json = CommonOptions.Json();
        var command = new Command("history",
            "List a category's versions: who changed what, when and why.\n\nExample: spade gallery history bottle")
        {
            category, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            var history = await opened.Service.HistoryAsync(parsed.GetRequiredValue(category), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(history, CliJson.Default.IReadOnlyListGalleryVersion);
            }
            else
            {
                var table = new Table().Border(TableBorder.Rounded).AddColumns("version", "when", "by", "images", "calibrated", "why");
                foreach (var v in history.Where(v => v.Problem is null))
                {
                    string when = v.CreatedAt.ToString("u", CultureInfo.InvariantCulture);
                    string[] cells = [$"{v.Version}", when, v.CreatedBy, $"{v.Images}", v.Calibrated ? "yes" : "no",
                        v.Trial ? $"on trial: {v.Reason}" : v.Reason];
                    table.AddRow([.. cells.Select(Markup.Escape)]);
                }
                AnsiConsole.Write(table);
            }
            foreach (var v in history.Where(v => v.Problem is not null))
                Console.Error.WriteLine($"spade: version {v.Version}: {v.Problem}");
            return history.Any(v => v.Problem is not null) ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static Command Diff()
    {
        var category = Category();
        var (from, to) = (Version("FROM"), Version("TO"));
        var json = CommonOptions.Json();
        var command = new Command("diff", "Show the difference between two versions.\n\nExample: spade gallery diff bottle 3 5")
        {
            category, from, to, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            string name = parsed.GetRequiredValue(category);
            using var opened = gallery.Open(parsed);
            var d = await opened.Service.DiffAsync(name, parsed.GetValue(from), parsed.GetValue(to), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(GalleryDiffReport.Of(name, d), CliJson.Default.GalleryDiffReport);
                return 0;
            }
            foreach (var i in d.Removed) Console.WriteLine($"- {i.Id}  {i.Source}");
            foreach (var i in d.Added) Console.WriteLine($"+ {i.Id}  {i.Source}  ({i.AddedBy}, {i.AddedAt:u})");
            if (d.Before?.Theta != d.After?.Theta) Console.WriteLine($"theta {Theta(d.Before)} -> {Theta(d.After)}");
            Console.WriteLine($"{name} {d.From.Version} -> {d.To.Version}: {d.Added.Count} images added, {d.Removed.Count} removed");
            return 0;
        });
        return command;

        static string Theta(Scoring.Calibration? c) => c is null ? "none" : c.Theta.ToString("G5", CultureInfo.InvariantCulture);
    }

    private static Command RollBack()
    {
        var category = Category();
        var version = Version("VERSION");
        return Change("rollback",
            "Make an older version's images and thresholds current again, as a new version. A version without thresholds is "
            + "calibrated.\n\nExample: spade gallery rollback bottle 3 --reason \"lamp was broken\"",
            category, version, (service, parsed, reason, stop)
                => service.RollBackAsync(parsed.GetRequiredValue(category), parsed.GetValue(version), reason, stop));
    }

    private static Command Restore()
    {
        var category = Category();
        var images = new Argument<string[]>("IMAGE")
        {
            Description = "Ids or source names of retired images; or file names or beginnings of ids that fit one image only.",
            Arity = ArgumentArity.OneOrMore,
        };
        return Change("restore",
            "Take back retired images from older versions, then calibrate.\n\n" +
            "Example: spade gallery restore bottle 17.png --reason \"not blurred after all\"",
            category, images, (service, parsed, reason, stop)
                => service.RestoreAsync(parsed.GetRequiredValue(category), parsed.GetRequiredValue(images), reason, stop));
    }

    private static Command Trial()
    {
        var category = Category();
        var step = new Argument<string>("STEP") { Description = "begin, publish or discard." };
        step.AcceptOnlyFromAmong("begin", "publish", "discard");
        return Change("trial",
            "Try changes before they decide. After 'begin', every change of the category makes a version that decides nothing, and that "
            + "'gallery shadow' can try on live photographs. 'publish' lets the newest one decide; 'discard' goes back to the version that "
            + "decides.\n\nExample: spade gallery trial bottle begin --reason \"batch 42 is tried first\"",
            category, step, (service, parsed, reason, stop) => (parsed.GetRequiredValue(step), parsed.GetRequiredValue(category)) switch
            {
                ("begin", var name) => service.BeginTrialAsync(name, reason, stop),
                ("publish", var name) => service.PublishTrialAsync(name, reason, stop),
                (_, var name) => service.DiscardTrialAsync(name, reason, stop),
            });
    }

    /// <summary>A command that changes a category, with a reason.</summary>
    public static Command Change(
        string name, string description, Argument<string> category, Argument what,
        Func<IGalleryService, ParseResult, string, CancellationToken, ValueTask<GalleryManifest>> changeAsync)
    {
        var (reason, noCalibration, json) = (CommonOptions.Reason(), CommonOptions.NoCalibration(), CommonOptions.Json());
        var command = new Command(name, description) { category, what, reason, noCalibration, json };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            var changed = await changeAsync(opened.Service, parsed, parsed.GetRequiredValue(reason), cancellation);
            if (!parsed.GetValue(noCalibration))
                changed = await GalleryCommands.CalibratedAsync(opened.Service, changed, parsed.GetValue(json), cancellation);
            return Print(parsed, json, changed);
        });
        return command;
    }

    private static Command Reshard()
    {
        var category = Category();
        var shards = new Argument<int>("SHARDS")
        {
            Description = $"Number of parts for a cluster's gallery silos, 1 to {GalleryService.MaxShards}.",
        };
        var json = CommonOptions.Json();
        var command = new Command("reshard",
            "Divide a category into another number of shards, for clusters: a new version with the same images, thresholds and " +
            "scores.\n\nExample: spade gallery reshard bottle 4")
        {
            category, shards, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            var m = await opened.Service.ReshardAsync(parsed.GetRequiredValue(category), parsed.GetValue(shards), cancellation);
            if (parsed.GetValue(json)) CliJson.WriteLine(GalleryDetails.Of(m), CliJson.Default.GalleryDetails);
            else
                Console.WriteLine(
                    $"{m.Category}: version {m.Version} with {m.Images.Count} images in {m.Shards} {(m.Shards == 1 ? "shard" : "shards")}");
            return 0;
        });
        return command;
    }

    private static Command Compact()
    {
        var category = Category();
        var defaults = new Retention();
        var versions = CommonOptions.Bounded(new Option<int>("--keep-versions")
        {
            Description = "Newest versions to keep.",
            DefaultValueFactory = _ => defaults.Versions,
        }, 1, 1_000_000);
        var days = CommonOptions.Bounded(new Option<double>("--keep-days")
        {
            Description = "Also keep versions that were current within this many days.",
        }, 0, 1_000_000);
        var json = CommonOptions.Json();
        var command = new Command("compact",
            "Drop old versions and the images only they need. The current version and the one that decides are kept.\n\n" +
            "Example: spade gallery compact bottle --keep-versions 10 --keep-days 90")
        {
            category, versions, days, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            string name = parsed.GetRequiredValue(category);
            TimeSpan? age = parsed.GetResult(days) is null ? null : TimeSpan.FromDays(parsed.GetValue(days));
            var retention = new Retention(parsed.GetValue(versions), age);
            using var opened = gallery.Open(parsed);
            var report = await opened.Service.CompactAsync(name, retention, cancellation);
            if (parsed.GetValue(json)) CliJson.WriteLine(report, CliJson.Default.CompactionReport);
            else
            {
                string kept = report.InUse.Count > 0 ? $"; in use and kept: {string.Join(", ", report.InUse)}" : "";
                string megabytes = (report.Bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
                Console.WriteLine(
                    $"{name}: {report.Dropped.Count} versions dropped, {report.Images} images deleted ({megabytes} MB){kept}");
            }
            return 0;
        });
        return command;
    }

    private static Command Compress()
    {
        var category = Category();
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var undo = new Option<bool>("--undo") { Description = "Store them plain again, for builds that cannot read compressed features." };
        var command = RemoteOptions.Refuse(new Command("compress",
            "Store the features of a category in fewer bytes, also those of images that are added later: 32 % fewer with ResNet-18, 26 % "
            + "with ResNet-50. Scores stay the same. Builds without this command cannot read the category then: upgrade all silos "
            + "first.\n\n"
            + "Example: spade gallery compress bottle")
        {
            category, undo, gallery, json,
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            using var engines = new Engines(null);
            var store = Store(parsed, gallery);
            string name = (await engines.Galleries(store, Environment.UserName).GetAsync(parsed.GetRequiredValue(category), cancellation))
                .Category;
            using var writer = await store.LockAsync(name, cancellation);
            var (images, before, after) = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
                await store.SetCompressionAsync(name, !parsed.GetValue(undo), Images(progress), cancellation));
            var report = new CompressReport(name, images, before, after);
            if (parsed.GetValue(json)) CliJson.WriteLine(report, CliJson.Default.CompressReport);
            else
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name}: {images} images, {before / 1e6:0.0} MB before, {after / 1e6:0.0} MB now"));
            return 0;
        });
        return command;
    }

    private static Command Export()
    {
        var category = Category();
        var file = new Argument<string>("FILE") { Description = "The tar file to write." };
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = RemoteOptions.Refuse(new Command("export",
            "Write a category with all its versions into one file.\n\nExample: spade gallery export bottle bottle.tar")
        {
            category, file, gallery, json,
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            var (name, path) = (parsed.GetRequiredValue(category), parsed.GetRequiredValue(file));
            var (versions, images) = await ProgressBars.RunAsync(parsed.GetValue(json), progress => Snapshot.ExportAsync(
                Store(parsed, gallery), CategoryName.Check(name), path, Images(progress), cancellationToken: cancellation));
            if (parsed.GetValue(json)) CliJson.WriteLine(new SnapshotReport(name, path, versions, images), CliJson.Default.SnapshotReport);
            else Console.WriteLine($"{path}: {name}, {versions} versions, {images} images");
            return 0;
        });
        return command;
    }

    private static Command Import()
    {
        var file = new Argument<string>("FILE") { Description = "A file that 'gallery export' wrote." };
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = RemoteOptions.Refuse(new Command("import",
            "Read a category from an exported file. Nothing is imported if a part is damaged.\n\n" +
            "Example: spade gallery import bottle.tar")
        {
            file, gallery, json,
        });
        command.SetAction(async (parsed, cancellation)
            => Print(parsed, json, await ProgressBars.RunAsync(parsed.GetValue(json), progress => Snapshot.ImportAsync(
                Store(parsed, gallery), parsed.GetRequiredValue(file), progress: Images(progress), cancellationToken: cancellation))));
        return command;
    }

    private static InlineProgress<(int Done, int Total)> Images(ProgressReport progress)
        => new(images => progress("images", images.Done, images.Total));

    public static int Print(ParseResult parsed, Option<bool> json, GalleryManifest m)
    {
        if (parsed.GetValue(json)) CliJson.WriteLine(GalleryDetails.Of(m), CliJson.Default.GalleryDetails);
        else
            Console.WriteLine($"{m.Category}: version {m.Version}{(m.Trial ? ", on trial," : "")} with {m.Images.Count} images; "
                + GalleryCommands.Thresholds(m));
        return 0;
    }
}
