using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Output;
using SpadeCluster.Galleries;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade gallery delete|undelete|rename, and the list of deleted categories</summary>
internal static class CategoryCommands
{
    public static IEnumerable<Command> All() => [Delete(), Undelete(), Rename()];

    public static Option<double> KeepDays(string name) => CommonOptions.Bounded(new Option<double>(name)
    {
        Description = "Days for which a deleted category can be restored; then its data is removed.",
        DefaultValueFactory = _ => Deletion.DefaultKeep.TotalDays,
    }, 0, 36_500);

    private static Command Delete()
    {
        var (category, reason, json) = (GalleryCommands.Category(), CommonOptions.Reason(), CommonOptions.Json());
        var days = KeepDays("--keep-days");
        var command = new Command("delete",
            "Delete a category. It is not listed and scores no image any more, but 'gallery undelete' restores it for some days. With "
            + "--server, the server says for how many.\n\nExample: spade gallery delete bottle --reason \"line 4 is closed\"")
        {
            category, reason, days, json,
        };
        var gallery = new GalleryCommandOptions(command, days);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed, keepDeleted: TimeSpan.FromDays(parsed.GetValue(days)));
            // Without a server, nobody else removes data whose time is over.
            if (opened.Service is GalleryService local) await local.SweepAsync(cancellation);
            var d = await opened.Service.DeleteAsync(parsed.GetRequiredValue(category), parsed.GetRequiredValue(reason), cancellation);
            if (parsed.GetValue(json)) CliJson.WriteLine(d, CliJson.Default.DeletedCategory);
            else
                Console.WriteLine(d.Until <= d.DeletedAt ? $"{d.Category}: deleted with its {d.Images} images"
                    : $"{d.Category}: deleted; 'spade gallery undelete {d.Category}' restores its {d.Images} images until {d.Until:u}");
            return 0;
        });
        return command;
    }

    private static Command Undelete()
    {
        var (category, reason, json) = (GalleryCommands.Category(), CommonOptions.Reason(), CommonOptions.Json());
        var command = new Command("undelete",
            "Restore a deleted category with its images, thresholds and history; 'gallery list --deleted' shows what can be restored.\n\n"
            + "Example: spade gallery undelete bottle --reason \"line 4 is open again\"")
        {
            category, reason, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            return GalleryVersionCommands.Print(parsed, json, await opened.Service.UndeleteAsync(
                parsed.GetRequiredValue(category), parsed.GetRequiredValue(reason), cancellation));
        });
        return command;
    }

    private static Command Rename()
    {
        var (category, reason, json) = (GalleryCommands.Category(), CommonOptions.Reason(), CommonOptions.Json());
        var name = new Argument<string>("NAME") { Description = "The new name: letters, digits, '.', '_' and '-'." };
        var command = new Command("rename",
            "Give a category another name, with all its versions; scores stay the same. Keys for the old name are not for the new one, and "
            + "decisions keep the old name.\n\nExample: spade gallery rename bottle bottle-1l --reason \"there is a second size\"")
        {
            category, name, reason, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            return GalleryVersionCommands.Print(parsed, json, await opened.Service.RenameAsync(parsed.GetRequiredValue(category),
                parsed.GetRequiredValue(name), parsed.GetRequiredValue(reason), cancellation));
        });
        return command;
    }

    public static async Task<int> ListDeletedAsync(IGalleryService service, bool json, CancellationToken cancellation)
    {
        var deleted = await service.ListDeletedAsync(cancellation);
        if (json) CliJson.WriteLine(deleted, CliJson.Default.IReadOnlyListDeletedCategory);
        else if (deleted.Count == 0) Console.WriteLine("no deleted category can be restored");
        else
        {
            var table = new Table().Border(TableBorder.Rounded).AddColumns("category", "images", "deleted", "by", "why", "until");
            foreach (var d in deleted)
            {
                string[] cells = [d.Category, $"{d.Images}", Time(d.DeletedAt), d.DeletedBy, d.Reason, Time(d.Until)];
                table.AddRow([.. cells.Select(Markup.Escape)]);
            }
            AnsiConsole.Write(table);
        }
        return 0;

        static string Time(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);
    }
}
