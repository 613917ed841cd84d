using System.CommandLine;
using System.Globalization;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade key create|list|revoke</summary>
internal static class KeyCommands
{
    public static Command Create() => new("key", "API keys of the server. As soon as there is one, every request needs one.") { Make(), List(), Revoke() };

    private static Command Make()
    {
        var name = new Option<string>("--name") { Description = "Who or what will use it.", HelpName = "NAME", Required = true };
        var role = new Option<string>("--role") { Description = "viewer: look; operator: score and give feedback as well; engineer: change galleries as well.", Required = true };
        role.AcceptOnlyFromAmong("viewer", "operator", "engineer");
        var categories = new Option<string[]>("--category") { Description = "Limit it to these categories.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
        var days = new Option<double?>("--days") { Description = "Days until it expires. Default: never." };
        var data = ServeCommand.Data();
        var command = new Command("create", "Create a key. It is shown this once; only its hash is kept.\n\nExample: spade key create --name line3 --role operator --category bottle") { name, role, categories, days, data };
        command.SetAction(async (parsed, _) =>
        {
            await using var database = new ServerDatabase(parsed.GetRequiredValue(data));
            DateTimeOffset? expires = parsed.GetValue(days) is { } n ? DateTimeOffset.UtcNow.AddDays(n) : null;
            var (text, key) = await new ApiKeyStore(database, TimeProvider.System).CreateAsync(
                parsed.GetRequiredValue(name), Enum.Parse<Role>(parsed.GetRequiredValue(role), ignoreCase: true), parsed.GetValue(categories) ?? [], expires);
            await Audit(database).WriteAsync(Environment.UserName, "key create", key.Id, $"{key.Name}, {key.Role}");
            Console.WriteLine(text);
            Console.Error.WriteLine($"key {key.Id} for {key.Name}, {key.Role.ToString().ToLowerInvariant()}; keep it: it cannot be shown again");
            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var data = ServeCommand.Data();
        var command = new Command("list", "List keys.\n\nExample: spade key list") { data };
        command.SetAction(async (parsed, _) =>
        {
            await using var database = new ServerDatabase(parsed.GetRequiredValue(data));
            var table = new Table().Border(TableBorder.Rounded).AddColumns("key", "name", "role", "categories", "created", "state");
            foreach (var key in new ApiKeyStore(database, TimeProvider.System).List())
            {
                string state = key.Revoked is { } revoked ? $"revoked {revoked:u}" : !key.Valid(DateTimeOffset.UtcNow) ? $"expired {key.Expires:u}" : key.Expires is { } expires ? $"until {expires:u}" : "valid";
                table.AddRow([.. new[] { key.Id, key.Name, key.Role.ToString().ToLowerInvariant(), key.Categories.Count == 0 ? "all" : string.Join(", ", key.Categories), key.Created.ToString("u", CultureInfo.InvariantCulture), state }.Select(Markup.Escape)]);
            }
            AnsiConsole.Write(table);
            return 0;
        });
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("KEY") { Description = "The key's id, as 'key list' prints it." };
        var data = ServeCommand.Data();
        var command = new Command("revoke", "Revoke a key: it ends at once, with all its sessions.\n\nExample: spade key revoke 0123456789ab") { id, data };
        command.SetAction(async (parsed, _) =>
        {
            await using var database = new ServerDatabase(parsed.GetRequiredValue(data));
            await new ApiKeyStore(database, TimeProvider.System).RevokeAsync(parsed.GetRequiredValue(id));
            await Audit(database).WriteAsync(Environment.UserName, "key revoke", parsed.GetRequiredValue(id));
            return 0;
        });
        return command;
    }

    private static AuditLog Audit(ServerDatabase database) => new(database, TimeProvider.System);
}
