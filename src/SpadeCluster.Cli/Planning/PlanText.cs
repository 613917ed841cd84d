using System.Globalization;
using Spectre.Console;

namespace SpadeCluster.Cli.Planning;

/// <summary>A plan as tables for people.</summary>
internal static class PlanText
{
    /// <param name="page">The file of its page; null: there is none.</param>
    public static void Print(Plan p, string? page)
    {
        var s = p.Simulated;
        Line(Load(p.Load));
        Line($"figures of: {p.Figures}");
        AnsiConsole.Write(Table(["silos of role", "silos", "processors", "devices", "busy", "busiest silo", "devices busy", "memory each",
            "network busy"], p.Roles.Select(r => new[] { r.Role, Text(r.Silos), Text(r.Processors), Text(r.Devices), Percent(r.Busy),
            Percent(r.Busiest), Percent(r.DevicesBusy), Bytes(r.MemoryBytes), Percent(r.NetworkBusy) })));
        AnsiConsole.Write(Table(["an image's work", "ms", "share"], p.ImageMs.Select(i =>
            new[] { i.Key, i.Value.ToString("0.0", CultureInfo.InvariantCulture), Percent(i.Value / p.ImageMs.Values.Sum()) })));
        Line($"galleries: {Bytes(p.GalleryBytes)} in memory, {Bytes(p.DiskBytes)} on the disk or in the database");
        Line($"payload: {string.Join("; ", p.Network.Select(n => $"{n.Key} {Bytes(n.Value)}/s"))}");
        Line($"database: {p.DecisionsPerSecond:0.##} decisions/s, {Bytes(p.KeptBytesPerSecond)}/s of photographs kept");
        Line($"simulated: {s.Images} images, {s.Answered} answered, {s.Refused} refused, {s.PerSecond:0.0}/s; latency {s.P50:0} ms "
            + $"(90 % {s.P90:0}, 99 % {s.P99:0}, longest {s.Max:0})");
        if (p.Full is { } full) Line($"full first: {p.Bottleneck}, at {full:0.#} images/s");
        else Line("nothing is full");
        foreach (string note in p.Notes) Line($"note: {note}");
        if (page is not null) Line($"charts: {page}");
    }

    /// <summary>What the plan is for, in one line.</summary>
    public static string Load(PlannedLoad load) => string.Create(CultureInfo.InvariantCulture,
        $"{load.Lines} lines x {load.Rate:0.##} images/s, {load.Megapixels:0.##} megapixels ({load.Format}), {load.Tiles} tiles; ")
        + $"{load.Categories} categories of {load.Normals} normals, K {load.Neighbours}, {Percent(load.Localised)} localised; "
        + $"{load.Shards} shards x {load.Replicas} replicas";

    public static string Percent(double share) => share == 0 ? "-" : share.ToString("0 %", CultureInfo.InvariantCulture);

    public static string Bytes(double bytes) => bytes switch
    {
        >= 1e12 => FormattableString.Invariant($"{bytes / 1e12:0.0} TB"),
        >= 1e9 => FormattableString.Invariant($"{bytes / 1e9:0.0} GB"),
        >= 1e6 => FormattableString.Invariant($"{bytes / 1e6:0.0} MB"),
        _ => FormattableString.Invariant($"{bytes / 1e3:0.0} kB"),
    };

    private static Table Table(string[] columns, IEnumerable<string[]> rows)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns(columns);
        foreach (string[] row in rows) table.AddRow([.. row.Select(Markup.Escape)]);
        return table;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private static void Line(string text) => Console.WriteLine(text);

    private static string Text(int number) => number == 0 ? "-" : number.ToString(CultureInfo.InvariantCulture);
}
