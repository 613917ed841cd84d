using System.CommandLine;
using System.Text.Json;
using SpadeCluster.Cli.Output;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade audit export|verify</summary>
internal static class AuditCommands
{
    public static Command Create() =>
        new("audit", "The server's audit log: who changed what. Each entry holds the hash of the one before.") { Export(), Verify() };

    private static Command Export()
    {
        var server = new ServerData();
        var command = new Command("export",
            "Print all entries as JSON lines, the oldest first.\n\nExample: spade audit export > audit.jsonl");
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = server.Open(parsed);
            foreach (var entry in new AuditLog(database, TimeProvider.System).All())
                CliJson.WriteLine(entry, CliJson.Default.AuditEntry);
            return 0;
        });
        return command;
    }

    private static Command Verify()
    {
        var server = new ServerData();
        var file = new Argument<string?>("FILE")
        {
            Description = "An export. Default: the server's own log.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var head = new Option<string?>("--head")
        {
            Description = "Hash of an entry that was noted elsewhere earlier; the log must still contain it.",
            HelpName = "HASH"
        };
        var command = new Command("verify", "Check that no entry was changed, removed or inserted. Prints the last entry's hash. Note it "
            + "elsewhere, because removed entries at the end leave no other trace.\n\nExample: spade audit verify --head 3f9c...") { file,
            head };
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = parsed.GetValue(file) is null ? server.Open(parsed) : null;
            IReadOnlyList<AuditEntry> entries = database is null ? Read(parsed.GetValue(file)!)
                : [.. new AuditLog(database, TimeProvider.System).All()];
            if (AuditChain.Problem(entries, parsed.GetValue(head)) is { } problem) throw new SpadeException(SpadeError.DataLoss, problem);
            Console.WriteLine($"{entries.Count} entries, none changed; the last one's hash is "
                + $"{(entries.Count > 0 ? entries[^1].Hash : "-")}");
            return 0;
        });
        return command;
    }

    private static AuditEntry[] Read(string file)
    {
        try
        {
            return [.. File.ReadLines(file).Where(l => l.Length > 0)
                .Select(l => JsonSerializer.Deserialize(l, CliJson.Default.AuditEntry)!)];
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"'{file}' is not an export of an audit log: {e.Message}", e);
        }
    }
}
