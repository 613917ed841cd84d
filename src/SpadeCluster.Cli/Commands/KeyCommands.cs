using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Output;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade key create|list|revoke</summary>
internal static class KeyCommands
{
    public static Command Create() =>
        new("key", "API keys of the server. As soon as there is one, every request needs one.") { Make(), List(), Revoke() };

    private static Command Make()
    {
        var name = new Option<string>("--name") { Description = "Who or what will use it.", HelpName = "NAME", Required = true };
        var role = new Option<string>("--role")
        {
            Description =
            "viewer: look; operator: score and give feedback as well; engineer: change galleries as well.",
            Required = true
        };
        role.AcceptOnlyFromAmong("viewer", "operator", "engineer");
        var categories = new Option<string[]>("--category")
        {
            Description = "Limit it to these categories.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true
        };
        var days = CommonOptions.Bounded(new Option<double>("--days") { Description = "Days until it expires. Default: never." }, 0.001,
            36_500);
        var (data, json) = (ServeCommand.Data(), CommonOptions.Json());
        var command = new Command("create",
            "Create a key. It is shown this once; only its hash is kept.\n\nExample: spade key create --name line3 --role operator "
            + "--category bottle") { name, role, categories, days, data, json };
        command.SetAction(async (parsed, _) =>
        {
            await using var database = new ServerDatabase(parsed.GetRequiredValue(data));
            DateTimeOffset? expires = parsed.GetValue(days) is > 0 and var n ? DateTimeOffset.UtcNow.AddDays(n) : null;
            var (text, key) = await new ApiKeyStore(database, TimeProvider.System).CreateAsync(
                parsed.GetRequiredValue(name), Enum.Parse<Role>(parsed.GetRequiredValue(role), ignoreCase: true),
                parsed.GetValue(categories) ?? [], expires);
            await Audit(database).WriteAsync(Environment.UserName, "key create", key.Id,
                $"{key.Name}, {key.Role}, {Scope(key)}{(expires is { } end ? $", until {end:u}" : "")}");
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(KeyRow.Of(key) with { Key = text }, CliJson.Default.KeyRow);
                return 0;
            }
            Console.WriteLine(text);
            Console.Error.WriteLine($"key {key.Id} for {key.Name}, {key.Role.ToString().ToLowerInvariant()}; keep it: it cannot be "
                + $"shown again");
            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var (data, json) = (ServeCommand.Data(), CommonOptions.Json());
        var command = new Command("list", "List keys.\n\nExample: spade key list") { data, json };
        command.SetAction(async (parsed, _) =>
        {
            await using var database = new ServerDatabase(parsed.GetRequiredValue(data));
            var keys = new ApiKeyStore(database, TimeProvider.System).List();
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine([.. keys.Select(KeyRow.Of)], CliJson.Default.IReadOnlyListKeyRow);
                return 0;
            }
            var table = new Table().Border(TableBorder.Rounded).AddColumns("key", "name", "role", "categories", "created", "state");
            foreach (var key in keys)
            {
                string state = key.Revoked is { } revoked ? $"revoked {revoked:u}" : !key.Valid(DateTimeOffset.UtcNow)
                    ? $"expired {key.Expires:u}" : key.Expires is { } expires ? $"until {expires:u}" : "valid";
                table.AddRow([.. new[] { key.Id, key.Name, key.Role.ToString().ToLowerInvariant(), Scope(key),
                    key.Created.ToString("u", CultureInfo.InvariantCulture), state }.Select(Markup.Escape)]);
            }
            AnsiConsole.Write(table);
            return 0;
        });
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("KEY") { Description = "The key's id, as 'key list' prints it." };
        var (data, json) = (ServeCommand.Data(), CommonOptions.Json());
        var command = new Command("revoke",
            "Revoke a key: it ends at once, with all its sessions.\n\nExample: spade key revoke 0123456789ab") { id, data, json };
        command.SetAction(async (parsed, _) =>
        {
            await using var database = new ServerDatabase(parsed.GetRequiredValue(data));
            var keys = new ApiKeyStore(database, TimeProvider.System);
            await keys.RevokeAsync(parsed.GetRequiredValue(id));
            await Audit(database).WriteAsync(Environment.UserName, "key revoke", parsed.GetRequiredValue(id));
            var key = keys.List().First(k => k.Id == parsed.GetRequiredValue(id));
            if (parsed.GetValue(json)) CliJson.WriteLine(KeyRow.Of(key), CliJson.Default.KeyRow);
            else Console.WriteLine($"revoked key {key.Id} of {key.Name}");
            return 0;
        });
        return command;
    }

    private static string Scope(ApiKey key) => key.Categories.Count == 0 ? "all" : string.Join(", ", key.Categories);

    private static AuditLog Audit(ServerDatabase database) => new(database, TimeProvider.System);
}
