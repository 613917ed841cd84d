using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Galleries;
using SpadeCluster.Storage;
using SpadeCluster.Storage.Snapshots;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade gallery history|diff|rollback|restore|reshard|compact|export|import</summary>
internal static class GalleryVersionCommands
{
    public static IEnumerable<Command> All() => [History(), Diff(), RollBack(), Restore(), Reshard(), Compact(), Export(), Import()];

    private static Argument<string> Category() => new("CATEGORY") { Description = "Name of the product category." };

    private static Argument<int> Version(string name) => new(name) { Description = "Number of a version, as 'gallery history' prints it." };

    private static GalleryStore Store(ParseResult parsed, Option<string> gallery) => GalleryPlace.Open(parsed.GetRequiredValue(gallery));

    private static GalleryService Service(ParseResult parsed, Option<string> gallery)
        => new(Store(parsed, gallery), new Engines(null), Environment.UserName);

    private static Command History()
    {
        var category = Category();
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = new Command("history",
            "List a category's versions: who changed what, when and why.\n\nExample: spade gallery history bottle") { category, gallery,
            json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var history = await Service(parsed, gallery).HistoryAsync(parsed.GetRequiredValue(category), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(history, CliJson.Default.IReadOnlyListGalleryVersion);
            }
            else
            {
                var table = new Table().Border(TableBorder.Rounded).AddColumns("version", "when", "by", "images", "calibrated", "why");
                foreach (var v in history.Where(v => v.Problem is null))
                    table.AddRow([.. new[] { $"{v.Version}", v.CreatedAt.ToString("u", CultureInfo.InvariantCulture), v.CreatedBy,
                        $"{v.Images}", v.Calibrated ? "yes" : "no", v.Reason }.Select(Markup.Escape)]);
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
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = new Command("diff",
            "Show what changed from one version to another.\n\nExample: spade gallery diff bottle 3 5") { category, from, to, gallery,
            json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string name = parsed.GetRequiredValue(category);
            var d = await Service(parsed, gallery).DiffAsync(name, parsed.GetValue(from), parsed.GetValue(to), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(GalleryDiffReport.Of(name, d), CliJson.Default.GalleryDiffReport);
                return 0;
            }
            foreach (var i in d.Removed) Console.WriteLine($"- {i.Id}  {i.Source}");
            foreach (var i in d.Added) Console.WriteLine($"+ {i.Id}  {i.Source}  ({i.AddedBy}, {i.AddedAt:u})");
            if (d.Before?.Theta != d.After?.Theta)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"theta {Theta(d.Before)} -> {Theta(d.After)}"));
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
            "Make an older version's images and thresholds current again, as a new version. One that had none is "
            + "calibrated.\n\nExample: spade gallery rollback bottle 3 --reason \"lamp was broken\"",
            category, version, (service, parsed, reason, stop) =>
            service.RollBackAsync(parsed.GetRequiredValue(category), parsed.GetValue(version), reason, stop));
    }

    private static Command Restore()
    {
        var category = Category();
        var images = new Argument<string[]>("IMAGE")
        {
            Description =
            "Ids or source names of retired images; or file names or beginnings of ids that only one has.",
            Arity = ArgumentArity.OneOrMore
        };
        return Change("restore",
            "Take retired images back from older versions, then calibrate.\n\nExample: spade gallery restore bottle 17.png --reason "
            + "\"not blurred after all\"",
            category, images, (service, parsed, reason, stop) =>
            service.RestoreAsync(parsed.GetRequiredValue(category), parsed.GetRequiredValue(images), reason, stop));
    }

    /// <summary>A command that changes which images a category has, for a reason.</summary>
    public static Command Change(string name, string description, Argument<string> category, Argument what,
        Func<IGalleryService, ParseResult, string, CancellationToken, ValueTask<GalleryManifest>> changeAsync)
    {
        var (reason, gallery, noCalibration, json) =
            (CommonOptions.Reason(), CommonOptions.Gallery(), CommonOptions.NoCalibration(), CommonOptions.Json());
        var command = new Command(name, description) { category, what, reason, gallery, noCalibration, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var service = Service(parsed, gallery);
            var changed = await changeAsync(service, parsed, parsed.GetRequiredValue(reason), cancellation);
            return Print(parsed, json, await GalleryCommands.CalibratedAsync(service, changed, parsed, noCalibration, json, cancellation));
        });
        return command;
    }

    private static Command Reshard()
    {
        var category = Category();
        var shards = new Argument<int>("SHARDS")
        {
            Description =
            $"Parts that a cluster's gallery silos share, 1 to {GalleryService.MaxShards}."
        };
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = new Command("reshard",
            "Spread a category over another number of shards, for clusters: a new version with the same images, thresholds and "
            + "scores.\n\nExample: spade gallery reshard bottle 4") { category, shards, gallery, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var m = await Service(parsed, gallery).ReshardAsync(parsed.GetRequiredValue(category), parsed.GetValue(shards), cancellation);
            if (parsed.GetValue(json)) CliJson.WriteLine(GalleryDetails.Of(m), CliJson.Default.GalleryDetails);
            else Console.WriteLine($"{m.Category}: version {m.Version} with {m.Images.Count} images in {m.Shards} "
                + $"{(m.Shards == 1 ? "shard" : "shards")}");
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
            DefaultValueFactory = _ => defaults.Versions
        }, 1, 1_000_000);
        var days = CommonOptions.Bounded(new Option<double>("--keep-days")
        {
            Description =
            "Also keep versions that were current within so many days."
        }, 0, 1_000_000);
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = new Command("compact",
            "Drop old versions and the images only they need. The current version and the newest one with thresholds stay.\n\nExample: "
            + "spade gallery compact bottle --keep-versions 10 --keep-days 90") { category, versions, days, gallery, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string name = parsed.GetRequiredValue(category);
            var retention = new Retention(parsed.GetValue(versions), parsed.GetResult(days) is null
                ? null : TimeSpan.FromDays(parsed.GetValue(days)));
            var report = await Service(parsed, gallery).CompactAsync(name, retention, cancellation);
            if (parsed.GetValue(json)) CliJson.WriteLine(report, CliJson.Default.CompactionReport);
            else Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name}: {report.Dropped.Count} versions dropped, {report.Images} images deleted ({report.Bytes / 1e6:0.0} "
                + $"MB){(report.InUse.Count > 0 ? $"; in use and kept: {string.Join(", ", report.InUse)}" : "")}"));
            return 0;
        });
        return command;
    }

    private static Command Export()
    {
        var category = Category();
        var file = new Argument<string>("FILE") { Description = "The tar file to write." };
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = new Command("export",
            "Write a category with all its versions into one file.\n\nExample: spade gallery export bottle bottle.tar") { category, file,
            gallery, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var (name, path) = (parsed.GetRequiredValue(category), parsed.GetRequiredValue(file));
            var (versions, images) = await Snapshot.ExportAsync(Store(parsed, gallery), CategoryName.Check(name), path, cancellation);
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
        var command = new Command("import",
            "Read a category from an exported file; it appears only when all of it was found whole.\n\nExample: spade gallery import "
            + "bottle.tar") { file, gallery, json };
        command.SetAction(async (parsed, cancellation) =>
            Print(parsed, json, await Snapshot.ImportAsync(Store(parsed, gallery), parsed.GetRequiredValue(file), cancellation)));
        return command;
    }

    private static int Print(ParseResult parsed, Option<bool> json, GalleryManifest m)
    {
        if (parsed.GetValue(json)) CliJson.WriteLine(GalleryDetails.Of(m), CliJson.Default.GalleryDetails);
        else Console.WriteLine($"{m.Category}: version {m.Version} with {m.Images.Count} images; {GalleryCommands.Thresholds(m)}");
        return 0;
    }
}
