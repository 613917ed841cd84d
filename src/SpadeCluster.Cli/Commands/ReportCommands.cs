using System.CommandLine;
using System.Text;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Galleries;
using SpadeCluster.Server;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Reports;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade report shift</summary>
internal static class ReportCommands
{
    public static Command Create() => new("report", "Reports about the decisions of a server.") { Shift() };

    private static Command Shift()
    {
        var data = new ServerData();
        var (category, line, shift, from, to) = (DecisionCommands.Category(), DecisionCommands.Line(), DecisionCommands.Shift(),
            DecisionCommands.Time("--from", "Beginning. Without a time zone it is UTC. Default: 24 hours before the end."),
            DecisionCommands.Time("--to", "End, which does not belong to it. Default: the newest decision, to the full hour."));
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var file = new Option<string?>("--out") { Description = "HTML file for it, which needs no other file.", HelpName = "FILE" };
        var command = new Command("shift", "The report of a shift: counts, the share of defects beside that of the shift before, where "
            + "defects fall on the part, the highest scores, missed defects, drift of scores, open notices.\n\nExample: spade report shift "
            + "--line L3 --from 2026-11-28T06:00 --to 2026-11-28T14:00 --out early.html")
        { category, line, shift, from, to, file, gallery, json };
        data.AddTo(command);
        var server = new RemoteOptions(command, [gallery, .. data.All]);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = server.Connect(parsed);
            var filter = new DecisionFilter(parsed.GetValue(category), parsed.GetValue(line), Since: parsed.GetValue(from),
                Until: parsed.GetValue(to), Shift: parsed.GetValue(shift));
            var (figures, html) = remote is null ? await MakeAsync(data, parsed, parsed.GetRequiredValue(gallery), filter, cancellation)
                : await remote.GetShiftReportAsync(filter.Category, filter.Line, filter.Shift, filter.Since, filter.Until, cancellation);
            if (parsed.GetValue(file) is { } path) AtomicFile.Write(path, Encoding.UTF8.GetBytes(html));
            Console.WriteLine(parsed.GetValue(json) ? figures : ShiftReportText.Of(figures, parsed.GetValue(file)));
            return 0;
        });
        return command;
    }

    private static async Task<Client.RemoteReport> MakeAsync(ServerData data, ParseResult parsed, string gallery, DecisionFilter filter,
        CancellationToken cancellation)
    {
        await using var database = data.Open(parsed);
        using var engines = new Engines(null);
        var services = new LocalGalleryServices(engines, gallery);
        var (clock, outbox) = (TimeProvider.System, new Outbox(database, [], TimeProvider.System));
        var log = new DecisionLog(database, new ServerOptions(), new DecisionFeed(), outbox, clock);
        var facts = new FactReader(services, database, new FeedbackLog(database), new ThresholdAnchors(database), outbox, clock);
        var reporter = new ShiftReporter(log, new DecisionStatistics(database, clock), facts,
            new NoticeService(services, facts, new NoticeFeed(), clock), services);
        var report = await reporter.MakeAsync(filter, cancellation);
        return new(report.ToJson(), await ShiftReportHtml.RenderAsync(report, new DecisionPictures(log), null));
    }

    private sealed class LocalGalleryServices(Engines engines, string gallery) : IGalleryServices
    {
        private readonly GalleryService _galleries = engines.Galleries(GalleryLocation.Open(gallery), Environment.UserName);

        public IGalleryService For(string author) => _galleries;
    }
}
