using System.CommandLine;
using SpadeCluster.Cli.Bench;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade bench page</summary>
internal static class BenchPageCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("DIR") { Description = "Folder of the files that the benchmarks wrote with --save." };
        var output = new Option<string>("--out") { Description = "The page to write.", HelpName = "PAGE.md", Required = true };
        var command = new Command("page",
            "Write a page of Markdown with tables of saved results.\n\n"
            + "Example: spade bench page docs/results/performance --out docs/performance-figures.md") { folder, output };
        command.SetAction(parsed =>
        {
            File.WriteAllText(parsed.GetRequiredValue(output), BenchPage.Of(parsed.GetRequiredValue(folder)));
            return 0;
        });
        return command;
    }
}
