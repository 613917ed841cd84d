using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Output;
using SpadeCluster.Client;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade gallery shadow CATEGORY [VERSION] --server</summary>
internal static class ShadowCommand
{
    private const string None = "none";

    public static Command Create()
    {
        var category = GalleryCommands.Category();
        var version = new Argument<string?>("VERSION")
        {
            Description = $"The version that becomes the shadow version; or '{None}': end it. Left out: show how it compares.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        version.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && token.Value != None && !int.TryParse(token.Value, CultureInfo.InvariantCulture, out _))
                result.AddError($"'{token.Value}' is no version: give its number, as 'gallery history' prints it, or '{None}'");
        });
        var share = CommonOptions.Bounded(new Option<double>("--share")
        {
            Description = "Share of the photographs that it also scores, above 0 and at most 1.",
            DefaultValueFactory = _ => 1,
        }, 0, 1);
        var json = CommonOptions.Json();
        var command = new Command("shadow",
            "Try a version on a server's live photographs without letting it decide: after each answer the photograph is scored with it " +
            "too, when the server has time. It ends by itself when the version decides or is compacted away.\n\n" +
            "Example: spade gallery shadow bottle 7 --server 127.0.0.1:5081")
        {
            category, version, share, json,
        };
        var remote = new RemoteOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var client = remote.Connect(parsed) ?? throw new SpadeException(SpadeError.InvalidArgument,
                "a shadow version scores a server's live photographs: name the server with --server");
            string name = parsed.GetRequiredValue(category);
            var shadow = parsed.GetValue(version) switch
            {
                null => await client.GetShadowAsync(name, cancellation),
                None => await client.EndShadowAsync(name, cancellation),
                var text => await client.BeginShadowAsync(name, int.Parse(text, CultureInfo.InvariantCulture), parsed.GetValue(share),
                    cancellation),
            };
            if (parsed.GetValue(json)) CliJson.WriteLine(shadow, CliJson.Default.RemoteShadow);
            else Print(shadow, ended: parsed.GetValue(version) == None);
            return 0;
        });
        return command;
    }

    private static void Print(RemoteShadow s, bool ended)
    {
        string share = s.Share < 1 ? $"{s.Share.ToString("P0", CultureInfo.InvariantCulture)} of the photographs" : "every photograph";
        Console.WriteLine(ended ? $"{s.Category}: version {s.Version} is no longer the shadow version"
            : $"{s.Category}: shadow version {s.Version} scores {share} since {s.Since.ToString("u", CultureInfo.InvariantCulture)}");
        if (s.Counts.Count > 0)
        {
            var table = new Table().Border(TableBorder.Rounded).AddColumns("verdict", $"of version {s.Version}", "photographs");
            foreach (var c in s.Counts)
                table.AddRow(c.Verdict ?? "none", c.ShadowVerdict, c.Count.ToString(CultureInfo.InvariantCulture));
            AnsiConsole.Write(table);
        }
        string rate = s.Images > 0 ? $" ({((double)s.Differing / s.Images).ToString("P1", CultureInfo.InvariantCulture)})" : "";
        Console.WriteLine($"{s.Images} photographs scored by both, {s.Differing} with different verdicts{rate}; {s.Dropped} left out "
            + "because the server was busy");
        if (s.Problem is { } problem) Console.Error.WriteLine($"spade: the last photograph could not be scored with it: {problem}");
    }
}
