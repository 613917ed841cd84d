using Spectre.Console;

namespace SpadeCluster.Cli.Output;

/// <summary>Reports the progress of a stage: how many items of how many are done.</summary>
internal delegate void ProgressReport(string stage, int done, int total);

/// <summary>Progress bars on standard error if it is a terminal; nothing in pipes and logs.</summary>
internal static class ProgressBars
{
    public static Task<T> RunAsync<T>(bool quiet, Func<ProgressReport, Task<T>> work)
    {
        if (quiet || Console.IsErrorRedirected) return work((_, _, _) => { });
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
                new RemainingTimeColumn())
            .StartAsync(context =>
            {
                var tasks = new Dictionary<string, ProgressTask>(StringComparer.Ordinal);
                var gate = new Lock();
                return work((stage, done, total) =>
                {
                    lock (gate)
                    {
                        if (!tasks.TryGetValue(stage, out var task))
                            tasks[stage] = task = context.AddTask(Markup.Escape(stage), maxValue: total);
                        task.Value = done;
                    }
                });
            });
    }
}
