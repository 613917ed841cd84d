using System.Globalization;
using System.Text;
using System.Text.Json;
using SpadeCluster.Cli.Output;

namespace SpadeCluster.Cli.Bench;

/// <summary>A page of Markdown with one table for each kind of benchmark, from the files that '--save' wrote.</summary>
internal static class BenchPage
{
    private static readonly string[] Common = ["date", "machine", "load before", "command"];

    /// <param name="folder">Every file *.json in it is one <see cref="BenchRecord"/>; rows are in the order of their names.</param>
    /// <exception cref="SpadeException">InvalidArgument: no files, or one that holds no result.</exception>
    public static string Of(string folder)
    {
        BenchRecord[] records = [.. (Directory.Exists(folder) ? Directory.GetFiles(folder, "*.json") : [])
            .Order(StringComparer.Ordinal).Select(Read)];
        if (records.Length == 0) throw new SpadeException(SpadeError.InvalidArgument, $"'{folder}' has no results, which are files *.json");
        var page = new StringBuilder("""
            # Performance in figures

            Written by `spade bench page`; not edited by hand. To add a result, run a benchmark with `--save` and write the page again:

            ```
            spade bench serve --category cookie cookie/test/*/*.jpg --save docs/results/performance/serve-cookie.json
            spade bench page docs/results/performance --out docs/performance-figures.md
            ```

            Medians, with the range of the rounds in brackets. "Load before" is Linux's load average: with more than 1, other programs used
            the processors, and only figures of one run may be compared. [Performance](performance.md) explains the figures.

            """);
        Table("A server beside the network alone", ["category", "model", "images at once", "alone, images/s", "served, images/s",
            "served / alone", "one image alone, ms", "served, ms", "served / alone", "99 % under load, ms"], r => r.Serve is { } s
            ? [[s.Category, s.Model, $"{s.Connections}", F($"{s.ForwardPerSecond:0.0}"), F($"{s.ServedPerSecond:0.0}"),
                F($"{s.ThroughputRatio:0.00}"), F($"{s.ForwardMs:0.0}"), F($"{s.OneAtATimeMs.P50:0.0}"), F($"{s.LatencyRatio:0.00}"),
                F($"{s.UnderLoadMs.P99:0}")]] : []);
        Table("A cluster beside that server", ["category", "model", "silos", "images/s", "cluster / server", "one image, ms",
            "cluster / server", "99 % under load, ms"], r => r.Serve is { Cluster: { } c } s
            ? [[s.Category, s.Model, $"{c.Silos}", F($"{c.PerSecond:0.0}"), F($"{c.OfServer:0.00}"), F($"{c.OneAtATimeMs.P50:0.0}"),
                F($"{c.LatencyOfServer:0.00}"), F($"{c.UnderLoadMs.P99:0}")]] : []);
        Table("Photographs of 12 megapixels in tiles", ["model", "tiles", "K", "file", "photograph, ms", "times as many passes",
            "times as many photographs of one tile", "preparation, ms", "network", "search", "map"], r => r.Large is { } l
            ? l.Photographs.Select(p => (string[])[l.Model, $"{l.Tiles}", $"{l.GalleryK}", F($"{p.Format}, {p.Megabytes:0.0} MB"),
                F($"{p.PhotographMs:0}"), F($"{p.PerPasses:0.00}"), F($"{p.PerTiles:0.00}"), F($"{p.Stages.Prepare:0}"),
                F($"{p.Stages.Extract:0}"), F($"{p.Stages.Match:0}"), F($"{p.Stages.Map:0}")]) : []);
        Table("Extraction", ["model", "device", "program", "threads", "images together", "ms", "images/s"], r => r.Extract is { } e
            ? e.Timings.Select(t => (string[])[e.Model, e.Device, t.Name, $"{t.Threads}", $"{t.Images}",
                F($"{t.MedianMs:0.0} ({t.MinMs:0.0} to {t.MaxMs:0.0})"), F($"{t.ImagesPerSecond:0.0}")]) : []);
        Table("Pixel search", ["features", "K", "threads", "ms a query", "least ms", "dense search, ms", "times as long", "peer, ms",
            "times as long", "device, ms", "times as long", "resident MB an image"], r => r.PixelSearch is { } p
            ? [[p.Features, $"{p.GalleryK}", $"{p.Threads}", F($"{p.MedianMs:0.0}"), F($"{p.MinMs:0.0}"), F($"{p.DenseMedianMs:0}"),
                F($"{p.DenseRatio:0.0}"), F($"{p.PeerMedianMs:0}"), F($"{p.PeerRatio:0.0}"), F($"{p.DeviceMedianMs:0.0}"),
                F($"{p.DeviceRatio:0.00}"), F($"{p.ResidentBytesPerImage / 1e6:0.00}")]] : []);
        Table("Image search", ["rows", "values", "queries", "threads", "ms", "least ms", "rows read, GB/s", "a copy, GB/s", "share",
            "peer, ms"], r => r.ImageSearch is { } i
            ? [[F($"{i.Rows:N0}"), $"{i.Length}", $"{i.Queries}", $"{i.Threads}", F($"{i.MedianMs:0.0}"), F($"{i.MinMs:0.0}"),
                F($"{i.ReadGigabytesPerSecond:0.0}"), F($"{i.CopyGigabytesPerSecond:0.0}"), F($"{i.BandwidthShare:P0}"),
                F($"{i.PeerMedianMs:0.0}")]] : []);
        Table("Exact image search, a tree and a graph", ["rows", "values", "drawn", "index", "built in, s", "MB", "ms a query", "least ms",
            "recall", "rows compared", "GB/s", "a copy, GB/s"], r => r.ImageIndexes is { } x
            ? x.Indexes.Select(i => (string[])[F($"{x.Rows:N0}"), $"{x.Length}", x.Data, i.Index, F($"{i.BuildSeconds:0}"),
                F($"{i.Megabytes:0}"), F($"{i.MedianMs:0.0}"), F($"{i.MinMs:0.0}"), F($"{i.Recall:0.0000} of {x.Neighbours}"),
                F($"{i.ShareOfRowsCompared:P1}"), F($"{i.GigabytesPerSecond:0.0}"), F($"{i.CopyGigabytesPerSecond:0.0}")]) : []);
        return page.ToString();

        void Table(string title, string[] columns, Func<BenchRecord, IEnumerable<string[]>> rows)
        {
            string[][] all = [.. records.SelectMany(r => rows(r).Select(row
                => (string[])[.. row, F($"{r.Date:yyyy-MM-dd}"), r.Machine, F($"{r.Load:0}"), $"`{r.Command}`"]))];
            if (all.Length == 0) return;
            page.Append($"\n## {title}\n");
            page.Append($"{Row([.. columns, .. Common])}\n{Row([.. columns.Concat(Common).Select(_ => "---")])}\n");
            foreach (string[] row in all) page.Append(Row(row)).Append('\n');
        }
    }

    private static BenchRecord Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(file), CliJson.Default.BenchRecord)!;
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"'{file}' is not a result of a benchmark: {e.Message}", e);
        }
    }

    private static string Row(IEnumerable<string> cells)
        => $"| {string.Join(" | ", cells.Select(c => c.Length == 0 ? "-" : c.Replace("|", "\\|", StringComparison.Ordinal)))} |";

    private static string F(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
