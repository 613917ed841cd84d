using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Output;
using SpadeCluster.Server.Security;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade key create|list|revoke</summary>
internal static class KeyCommands
{
    public static Command Create() =>
        new("key", "API keys of the server. As soon as there is one, every request needs one.") { Make(), List(), Revoke() };

    private static Command Make()
    {
        var name = new Option<string>("--name")
        {
            Description = "The person or machine that will use it.",
            HelpName = "NAME",
            Required = true
        };
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
        var isNew = new Option<bool>("--new")
        {
            Description =
            "Create the folder if it does not exist, for a key before the server's first start."
        };
        var (server, json) = (new ServerData(), CommonOptions.Json());
        var command = new Command("create",
            "Create a key. It is shown only once; the server keeps only its hash.\n\nExample: spade key create --name line3 --role "
            + "operator --category bottle") { name, role, categories, days, isNew, json };
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = server.Open(parsed, parsed.GetValue(isNew));
            var (text, key) = await Changes(database).CreateAsync(new KeyRequest(parsed.GetRequiredValue(name),
                Enum.Parse<Role>(parsed.GetRequiredValue(role), ignoreCase: true), parsed.GetValue(categories),
                parsed.GetValue(days) is > 0 and var n ? n : null), Environment.UserName);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(KeyRow.Of(key) with { Key = text }, CliJson.Default.KeyRow);
                return 0;
            }
            Console.WriteLine(text);
            Console.Error.WriteLine($"key {key.Id} for {key.Name}, {key.Role.ToString().ToLowerInvariant()}, of the server with "
                + $"{database.Location}; keep it: it cannot be shown again");
            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var (server, json) = (new ServerData(), CommonOptions.Json());
        var command = new Command("list", "List keys.\n\nExample: spade key list") { json };
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = server.Open(parsed);
            var keys = new ApiKeyStore(database, TimeProvider.System).List();
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine([.. keys.Select(KeyRow.Of)], CliJson.Default.IReadOnlyListKeyRow);
                return 0;
            }
            var table = new Table().Border(TableBorder.Rounded).AddColumns("key", "name", "role", "categories", "created", "used", "state");
            foreach (var key in keys)
            {
                string state = key.Revoked is { } revoked ? $"revoked {revoked:u}" : !key.Valid(DateTimeOffset.UtcNow)
                    ? $"expired {key.Expires:u}" : key.Expires is { } expires ? $"until {expires:u}" : "valid";
                table.AddRow([.. new[] { key.Id, key.Name, key.Role.ToString().ToLowerInvariant(), Scope(key),
                    key.Created.ToString("u", CultureInfo.InvariantCulture), key.Used?.ToString("u", CultureInfo.InvariantCulture)
                    ?? "never",
                    state }.Select(Markup.Escape)]);
            }
            AnsiConsole.Write(table);
            return 0;
        });
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("KEY") { Description = "The key's id, as 'key list' prints it." };
        var (server, json) = (new ServerData(), CommonOptions.Json());
        var command = new Command("revoke",
            "Revoke a key, with all its sessions, at once.\n\nExample: spade key revoke 0123456789ab") { id, json };
        server.AddTo(command);
        command.SetAction(async (parsed, _) =>
        {
            await using var database = server.Open(parsed);
            await Changes(database).RevokeAsync(parsed.GetRequiredValue(id), Environment.UserName);
            var key = new ApiKeyStore(database, TimeProvider.System).List().First(k => k.Id == parsed.GetRequiredValue(id));
            if (parsed.GetValue(json)) CliJson.WriteLine(KeyRow.Of(key), CliJson.Default.KeyRow);
            else Console.WriteLine($"revoked key {key.Id} of {key.Name}");
            return 0;
        });
        return command;
    }

    private static string Scope(ApiKey key) => key.Categories.Count == 0 ? "all" : string.Join(", ", key.Categories);

    private static KeyChanges Changes(Server.Storage.ServerDatabase database) =>
        new(new ApiKeyStore(database, TimeProvider.System), new AuditLog(database, TimeProvider.System), TimeProvider.System);
}
