using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Cli.Output;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade bench calibrate</summary>
internal static class BenchCalibrateCommand
{
    private const int Plates = 56;

    public static Command Create()
    {
        var paths = new Argument<string[]>("IMAGE")
        {
            Description = "Photographs of good parts of one product, or folders of them. Without: rendered plates.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var output = new Option<string?>("--out") { Description = "File for 'plan --figures'.", HelpName = "FILE" };
        var seconds = CommonOptions.Bounded(new Option<double>("--seconds")
        {
            Description = "Duration of each of about 15 measurements; with less, a server is measured before its code is compiled for "
                + "speed.",
            DefaultValueFactory = _ => 5,
        }, 0.1, 3600);
        var (model, json) = (CommonOptions.Model(), CommonOptions.Json());
        var command = new Command("calibrate",
            "Measure what each stage of an image's way costs on this machine, for 'spade plan'.\n\nExample: spade bench calibrate "
            + "line3/good --out figures.json")
        { paths, model, output, seconds, json };
        var geometry = new GeometryOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            string[] given = parsed.GetValue(paths) ?? [];
            var files = Files.Expand(given);
            IReadOnlyList<ImageSource> photographs = given.Length == 0 ? Rendered() : [.. files.Select(Files.Source)];
            string described = given.Length == 0 ? $"{Plates} rendered plates"
                : $"{photographs.Count} photographs in {string.Join(", ", given.Take(3))}";
            using var measurement = new UnitMeasurement(parsed.GetValue(model), m =>
                geometry.Read(parsed, m, files), TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                text => Console.Error.WriteLine($"spade: {text}"));
            var figures = await measurement.RunAsync(photographs, described, cancellation);
            if (parsed.GetValue(output) is { } file)
                await File.WriteAllTextAsync(file, JsonSerializer.Serialize(figures, CliJson.Indented.UnitFigures) + "\n", cancellation);
            if (parsed.GetValue(json)) CliJson.WriteLine(figures, CliJson.Default.UnitFigures);
            else Print(figures);
            return 0;
        });
        return command;
    }

    private static ImageSource[] Rendered() => [.. Enumerable.Range(1, Plates)
        .Select(seed => new ImageSource($"plate{seed}.png", PngEncoder.Encode(PlateCamera.Photograph(seed, null).Photograph)))];

    private static void Print(UnitFigures f) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
        {f.Machine}; model {f.Model.Name}; {f.Photographs}
        processor milliseconds, with all processors busy:
        JPEG           {f.Jpeg.MsPerMegapixel:0.0} a megapixel of {f.Jpeg.BytesPerMegapixel / 1e3:0} kB
        PNG            {f.Png.MsPerMegapixel:0.0} a megapixel of {f.Png.BytesPerMegapixel / 1e3:0} kB
        preparation    {f.PrepareMs:0.00} a tile
        extraction     {f.ExtractMs:0.0} a tile
        image search   {f.ImageSearchMs:0.000} a tile and 1,000 rows
        pixel search   {f.PixelSearchMs:0.0} a tile, and {f.PixelSearchMsPerNeighbour:0.00} for each normal of K
        merging        {f.MergeMs:0.00} a tile and further shard
        map            {f.MapMs:0.0} a tile
        messages       {f.SerialiseMsPerMegabyte:0.00} a megabyte at each end; at a gallery silo {f.GalleryMsPerMegabyte:0.00}
        answer         {f.AnswerMs:0.0} an image: request, grains, decision log
        standard deviation / mean: preparation {f.Variation!.Prepare:0.00}, extraction {f.Variation.Extract:0.00},
        image search {f.Variation.ImageSearch:0.00}, pixel search {f.Variation.PixelSearch:0.00}, map {f.Variation.Map:0.00},
        image {f.Variation.Image:0.00}
        """));
}
