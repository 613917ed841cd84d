using System.Globalization;
using System.Net;
using System.Text;
using SpadeCluster.Cli.Evaluation.Report;

namespace SpadeCluster.Cli.Planning;

/// <summary>A plan as one page with charts, which needs no other file.</summary>
internal static class PlanPage
{
    /// <summary>A resource that is hardly used would make the other bars invisible: bars end at this times the planned rate.</summary>
    private const double MostShown = 3;

    public static void Write(string path, Plan p)
    {
        var s = p.Simulated;
        var page = new StringBuilder("<!doctype html><html lang='en'><meta charset='utf-8'>")
            .Append("<meta name='viewport' content='width=device-width,initial-scale=1'><title>SpadeCluster - plan</title>")
            .Append($"<style>{Style.Css}</style><body><main><h1>Plan for {N(p.DecisionsPerSecond, "0.##")} images/s</h1>")
            .Append($"<p class='settings'>{Html(PlanText.Load(p.Load))}<br>figures of: {Html(p.Figures)}</p><div class='figures'>");
        foreach (var (name, value) in new[]
        {
            ("silos", N(p.Roles.Sum(r => r.Silos), "0")), ("images/s when full", p.Full is { } full ? N(full, "0.#") : "-"),
            ("ms, 50 % of the images", N(s.P50, "0")), ("ms, 99 % of the images", N(s.P99, "0")),
            ("refused of " + N(s.Images, "0"), N(s.Refused, "0")), ("galleries in memory", PlanText.Bytes(p.GalleryBytes)),
            ("galleries on disk", PlanText.Bytes(p.DiskBytes)), ("decisions/s", N(p.DecisionsPerSecond, "0.##")),
            ("photographs kept", PlanText.Bytes(p.KeptBytesPerSecond) + "/s"),
        })
            page.Append($"<div><b>{value}</b><span>{name}</span></div>");
        page.Append($"</div><p>Full first: <b>{Html(p.Bottleneck)}</b>.</p>");
        foreach (string note in p.Notes) page.Append($"<p class='problem'>{Html(note)}</p>");
        WriteCharts(page, p);
        WriteSilos(page, p.Roles);
        HtmlReport.Save(path, page.Append("</main></body></html>"));
    }

    private static void WriteCharts(StringBuilder page, Plan p)
    {
        var (s, busy, rate) = (p.Simulated, p.Machines.Busy, p.DecisionsPerSecond);
        double most = p.ImageMs.Values.Max(), sum = p.ImageMs.Values.Sum();
        page.Append("<div class='charts'>")
            .Append(Svg.Bars("Latency: time within which images are answered, simulated",
                [Latency("50 %", s.P50), Latency("90 %", s.P90), Latency("99 %", s.P99), Latency("all", s.Max)]))
            .Append(Svg.Bars("Use of each resource",
                [.. p.Resources.Select(r => (r.Name, r.Busy, PlanText.Percent(r.Busy), r.Busy > busy))],
                (busy, $"limit: {PlanText.Percent(busy)} (--busy)")))
            .Append(Svg.Bars("Bottleneck: images/s at which each resource is full",
                [.. p.Resources.Select(r => (r.Name, Math.Min(r.Full, MostShown * rate), N(r.Full, "0.#"), r == p.Resources[0]))],
                (rate, $"{N(rate, "0.##")} images/s planned")))
            .Append(Svg.Bars("Bytes between roles, payload per second",
                [.. p.Network.Select(n => (n.Key, n.Value, PlanText.Bytes(n.Value) + "/s", false))]))
            .Append(Svg.Bars("Cost: work on an image, in milliseconds of a processor",
                [.. p.ImageMs.Select(i =>
                    (i.Key, i.Value, $"{N(i.Value, "0.0")} ms, {PlanText.Percent(i.Value / sum)}", i.Value == most))]))
            .Append("</div>");

        static (string, double, string, bool) Latency(string name, double ms) => (name, ms, $"{N(ms, "0")} ms", false);
    }

    private static void WriteSilos(StringBuilder page, IReadOnlyList<PlannedRole> roles)
    {
        page.Append("<h2>Silos</h2><table class='recipes silos'><tr><th>role");
        foreach (var role in roles) page.Append($"<th>{Html(role.Role.Replace(",", ", ", StringComparison.Ordinal))}");
        foreach (var (name, cell) in new (string, Func<PlannedRole, string>)[]
        {
            ("silos", r => N(r.Silos, "0")), ("processors of all", r => N(r.Processors, "0")),
            ("devices of all", r => r.Devices == 0 ? "-" : N(r.Devices, "0")), ("memory of each", r => PlanText.Bytes(r.MemoryBytes)),
            ("processors busy", r => PlanText.Percent(r.Busy)), ("of the busiest silo", r => PlanText.Percent(r.Busiest)),
            ("network busy", r => PlanText.Percent(r.NetworkBusy)),
        })
        {
            page.Append($"<tr><td>{name}");
            foreach (var role in roles) page.Append($"<td>{cell(role)}");
        }
        page.Append("</table>");
    }

    private static string N(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
    private static string Html(string text) => WebUtility.HtmlEncode(text);
}
