using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade bench large</summary>
internal static class BenchLargeCommand
{
    public static Command Create()
    {
        var normals = CommonOptions.Bounded(new Option<int>("--normals")
        {
            Description = "Normals in the gallery; every tile is searched in all of them (K).",
            DefaultValueFactory = _ => ScoringOptions.DefaultGalleryNeighbours,
        }, 2, ScoringOptions.DefaultGalleryNeighbours);
        var tiles = new Option<string>("--tiles")
        {
            Description = "Tiles that a photograph is cut into, COLUMNSxROWS; the whole photograph is searched as well.",
            HelpName = "TILES",
            DefaultValueFactory = _ => "6x4",
        };
        var rounds = CommonOptions.Bounded(new Option<int>("--rounds") { Description = "Rounds.", DefaultValueFactory = _ => 5 }, 1, 1000);
        var gallery = new Option<string?>("--gallery")
        {
            Description = "Folder for the galleries, which are kept and used again by the next run. Without: a temporary one.",
            HelpName = "DIR",
        };
        var (model, threads, json) = (CommonOptions.Model(), CommonOptions.Threads(), CommonOptions.Json());
        var command = new Command("large",
            "Time photographs of 12 megapixels in tiles beside forward passes of the network alone and photographs of one tile, as "
            + "ratios. The photographs are the panels of 'demo --large'. Building the galleries takes some minutes.\n\n"
            + "Example: spade bench large --gallery /tmp/panels")
        { normals, tiles, rounds, gallery, model, threads, json, BenchRecord.Save };
        command.SetAction(async (parsed, cancellation) =>
        {
            var (columns, rows) = GeometryOptions.Counts(parsed.GetRequiredValue(tiles));
            using var engines = new Engines(parsed.GetValue(model), new ExtractorSettings(Threads: parsed.GetValue(threads)));
            var network = engines.Default.Extractor.Model;
            var grid = TileChoice.Of(new TileGrid(network.InputWidth, network.InputHeight), network, columns, rows);
            string? kept = parsed.GetValue(gallery);
            string folder = kept ?? Directory.CreateTempSubdirectory("spade-bench-").FullName;
            try
            {
                var galleries = new LargeGalleries(folder, engines, grid, parsed.GetValue(normals));
                var result = await new LargeBenchmark(engines, galleries).RunAsync(parsed.GetValue(threads), parsed.GetValue(rounds),
                    text => Console.Error.WriteLine($"spade: {text}"), cancellation);
                BenchRecord.Write(parsed, json, result, CliJson.Default.LargeResult, Print);
            }
            finally
            {
                if (kept is null) Directory.Delete(folder, recursive: true);
            }
            return 0;
        });
        return command;
    }

    private static void Print(LargeResult r)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {r.Tiles} tiles and the whole photograph, K {r.GalleryK}, model {r.Model}; {r.Processor}
            medians of {r.Rounds} rounds, with their range
            network alone     {r.PassMs} ms a pass
            """));
        foreach (var p in r.Photographs)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                {p.Format,-4} of {p.Megabytes:0.0} MB   {p.PhotographMs:0} ms; one that a single tile shows {p.TileMs:0}
                                  {p.PerPasses:0.00} times {r.Tiles} passes
                                  {p.PerTiles:0.00} times {r.Tiles} photographs of one tile
                """));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"                  preparation {p.Stages.Prepare:0} ms, network {p.Stages.Extract:0}, ")
                + string.Create(CultureInfo.InvariantCulture,
                $"nearest normals {p.Stages.Retrieve:0}, pixel search {p.Stages.Match:0}, map {p.Stages.Map:0}"));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            on disk           {r.Disk.Predicted / 1e6:0.0} MB predicted, {r.Disk.Actual / 1e6:0.0} stored: {r.Disk.Ratio:0.000}
            in memory         {r.Memory.Predicted / 1e6:0.0} MB predicted, {r.Memory.Actual / 1e6:0.0} used: {r.Memory.Ratio:0.000}
            """));
    }
}
