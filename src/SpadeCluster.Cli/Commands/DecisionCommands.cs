using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Decisions;
using SpadeCluster.Server;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade decisions export</summary>
internal static class DecisionCommands
{
    public static Command Create() => new("decisions", "The decisions of a server.") { Export() };

    private static Command Export()
    {
        var server = new ServerData();
        var from = Time("--from", "Only decisions from this time on. Without a time zone it is UTC.");
        var to = Time("--to", "Only decisions before this time.");
        var (category, line, shift) = (Category(), Line(), Shift());
        var verdict = new Option<string?>("--verdict") { Description = "Only with this verdict." };
        verdict.AcceptOnlyFromAmong("good", "review", "defect");
        var serial = new Option<string?>("--serial-number")
        {
            Description = "Only with this serial number; * stands for any characters.",
            HelpName = "TEXT"
        };
        var format = new Option<string>("--format") { Description = "Format of the file.", DefaultValueFactory = _ => "csv" };
        format.AcceptOnlyFromAmong("csv", "parquet");
        var file = new Option<string>("--out")
        {
            Description = "The file, which is replaced when it is complete.",
            HelpName = "FILE",
            Required = true
        };
        var command = new Command("export", "Write decisions as a table, the oldest first. It reads while the server works.\n\nExample: "
            + "spade decisions export --from 2026-11-01 --to 2026-12-01 --format parquet --out november.parquet")
        { from, to, category, line, verdict, shift, serial, format, file };
        server.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            await using var database = server.Open(parsed);
            var log = new DecisionLog(database, new ServerOptions(), new DecisionFeed(), new Outbox(database, [], TimeProvider.System),
                TimeProvider.System);
            string path = parsed.GetRequiredValue(file), unfinished = path + ".part";
            long count = 0;
            var rows = log.All(new DecisionFilter(parsed.GetValue(category), parsed.GetValue(line),
                parsed.GetValue(verdict), parsed.GetValue(from), parsed.GetValue(to), SerialNumber: parsed.GetValue(serial),
                Shift: parsed.GetValue(shift))).Select(d =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    count++;
                    return ExportedDecision.Of(d);
                });
            try
            {
                await using (var stream = File.Create(unfinished))
                    await (parsed.GetValue(format) == "csv" ? DecisionTable.WriteCsvAsync(rows, stream, cancellation)
                        : DecisionTable.WriteParquetAsync(rows, stream, cancellation));
                File.Move(unfinished, path, overwrite: true);
            }
            finally
            {
                File.Delete(unfinished);
            }
            Console.WriteLine($"{count} {(count == 1 ? "decision" : "decisions")} in {path}");
            return 0;
        });
        return command;
    }

    public static Option<string?> Category() => new("--category") { Description = "Only of this category.", HelpName = "NAME" };

    public static Option<string?> Line() => new("--line") { Description = "Only of this line.", HelpName = "NAME" };

    public static Option<string?> Shift() => new("--shift") { Description = "Only of this shift.", HelpName = "NAME" };

    public static Option<DateTimeOffset?> Time(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result =>
        {
            if (DateTimeOffset.TryParse(result.Tokens.Single().Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
                out var time))
                return time;
            result.AddError($"{name} is a time such as 2026-11-28 or 2026-11-28T06:00:00+01:00");
            return null;
        },
    };
}
