using System.CommandLine;
using SpadeCluster.Cli.Output;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade outbox list|retry</summary>
internal static class OutboxCommands
{
    private const int Most = 1000;

    public static Command Create() =>
        new("outbox", "Decisions of a server that wait for delivery to webhooks and brokers, and those that could not be delivered (dead "
            + "letters).") { List(), Retry() };

    private static Command List()
    {
        var (server, destination, json) = (new ServerData(), Destination(), CommonOptions.Json());
        var dead = new Option<bool>("--dead") { Description = "Only dead letters." };
        var command = new Command("list", $"List them with the last problem, the oldest first, {Most} at most.\n\nExample: spade outbox "
            + "list --dead") { destination, dead, json };
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = server.Open(parsed);
            var outbox = Outbox(database);
            var rows = outbox.List(parsed.GetValue(dead), parsed.GetValue(destination), Most);
            if (parsed.GetValue(json))
            {
                foreach (var row in rows) CliJson.WriteLine(row, CliJson.Default.OutboxRow);
                return 0;
            }
            var table = new Table().AddColumns("decision", "destination", "line", "category", "since", "failed tries", "state", "problem")
                .Border(TableBorder.None);
            foreach (var row in rows)
                table.AddRow(new[] { $"{row.Decision}", row.Destination, row.Line, row.Category, $"{row.Time:u}", $"{row.Tries}",
                    row.Dead is null ? "waits" : "dead", row.Problem ?? "" }.Select(Markup.Escape).ToArray());
            if (rows.Count > 0) AnsiConsole.Write(table);
            foreach (var state in outbox.State())
                Console.WriteLine($"{state.Destination}: {state.Waiting} waiting, {state.Dead} dead");
            if (rows.Count == 0) Console.WriteLine(parsed.GetValue(dead) ? "no dead letters" : "nothing waits");
            return 0;
        });
        return command;
    }

    private static Command Retry()
    {
        var (server, destination) = (new ServerData(), Destination());
        var id = new Argument<long?>("DECISION")
        {
            Description = "The id of one decision. Default: all dead letters.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("retry", "Deliver dead letters again. They may arrive after later decisions of their line.\n\nExample: "
            + "spade outbox retry --destination mes") { id, destination };
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = server.Open(parsed);
            int count = await Outbox(database).RetryAsync(parsed.GetValue(destination), parsed.GetValue(id));
            if (count == 0) throw new SpadeException(SpadeError.NotFound, "no such dead letter; 'spade outbox list --dead' lists them");
            Console.WriteLine($"{count} {(count == 1 ? "decision waits" : "decisions wait")} for delivery again");
            return 0;
        });
        return command;
    }

    private static Outbox Outbox(ServerDatabase database) => new(database, [], TimeProvider.System);

    private static Option<string?> Destination() =>
        new("--destination") { Description = "Only of this destination.", HelpName = "NAME" };
}
