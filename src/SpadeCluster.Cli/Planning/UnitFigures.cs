using System.Text.Json;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Planning;

/// <summary>
/// What 'bench calibrate' measured: milliseconds of one processor, with all processors of the machine busy, for each unit of the work on
/// an image.
/// </summary>
/// <param name="Machine">Where it was measured.</param>
/// <param name="Measured">When, UTC.</param>
/// <param name="Photographs">Whose photographs, and how many; the pixel search depends on them.</param>
/// <param name="Model">The model, its sizes included.</param>
/// <param name="Jpeg">Photographs as JPEG.</param>
/// <param name="Png">Photographs as PNG.</param>
/// <param name="PrepareMs">Resizing to the model's input, of a tile.</param>
/// <param name="ExtractMs">The network's forward pass, of a tile.</param>
/// <param name="ImageSearchMs">Image search of a tile in 1,000 rows of a gallery.</param>
/// <param name="PixelSearchMs">Pixel search of a tile, whatever K is.</param>
/// <param name="PixelSearchMsPerNeighbour">The same, for each of the K normals.</param>
/// <param name="MergeMs">Merging the matches of one further shard, of a tile.</param>
/// <param name="MapMs">Map, score and verdict, of a tile.</param>
/// <param name="SerialiseMsPerMegabyte">Sending or receiving a message between silos, with TLS; each end does one of them.</param>
/// <param name="AnswerMs">The rest of a server's work on an image: request, grains, decision log, answer.</param>
/// <param name="Variation">How much the times vary; null: it was not measured, and the plan takes equal times.</param>
/// <param name="GalleryMsPerMegabyte">What a gallery silo does beside searching, by its messages: receiving, memory for queries, threads
/// that wait. Null: it was not measured, and the plan takes the work of a message.</param>
internal sealed record UnitFigures(string Machine, int Processors, DateTime Measured, string Photographs, FeatureModel Model,
    FormatFigures Jpeg, FormatFigures Png, double PrepareMs, double ExtractMs, double ImageSearchMs, double PixelSearchMs,
    double PixelSearchMsPerNeighbour, double MergeMs, double MapMs, double SerialiseMsPerMegabyte, double AnswerMs,
    StageVariation? Variation = null, double? GalleryMsPerMegabyte = null)
{
    /// <summary>Reads a file of 'bench calibrate'; null: the figures that come with the program.</summary>
    /// <exception cref="SpadeException">NotFound: no such file. InvalidArgument: it is not such a file, or a figure is not
    /// possible.</exception>
    public static UnitFigures Read(string? file)
    {
        string where = file ?? "the program's figures";
        if (file is not null && !File.Exists(file))
            throw new SpadeException(SpadeError.NotFound, $"no file '{file}'; 'spade bench calibrate --out FILE' writes one");
        using var stream = file is not null ? File.OpenRead(file)
            : typeof(UnitFigures).Assembly.GetManifestResourceStream("figures.json")!;
        UnitFigures? figures;
        try
        {
            figures = JsonSerializer.Deserialize(stream, CliJson.Default.UnitFigures);
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{where} is not a file of 'spade bench calibrate' (line {e.LineNumber + 1}); write one with --out", e);
        }
        figures?.Check(where);
        return figures ?? throw new SpadeException(SpadeError.InvalidArgument, $"{where} is empty; write one with 'spade bench calibrate'");
    }

    public FormatFigures Format(string name) => name == "png" ? Png : Jpeg;

    private void Check(string where)
    {
        if (Model is not { Levels.Count: > 0 } || Jpeg is null || Png is null)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{where} lacks its model or a format; write it again with 'spade bench calibrate'");
        var v = Variation ?? StageVariation.None;
        foreach (var (name, value) in new[]
        {
            ("extract_ms", ExtractMs), ("jpeg", Jpeg.MsPerMegapixel), ("jpeg", Jpeg.BytesPerMegapixel), ("png", Png.MsPerMegapixel),
            ("png", Png.BytesPerMegapixel), ("prepare_ms", PrepareMs), ("image_search_ms", ImageSearchMs),
            ("pixel_search_ms", PixelSearchMs), ("pixel_search_ms_per_neighbour", PixelSearchMsPerNeighbour), ("merge_ms", MergeMs),
            ("map_ms", MapMs), ("serialise_ms_per_megabyte", SerialiseMsPerMegabyte), ("answer_ms", AnswerMs),
            ("gallery_ms_per_megabyte", GalleryMsPerMegabyte ?? 0),
            ("variation.prepare", v.Prepare), ("variation.extract", v.Extract), ("variation.image_search", v.ImageSearch),
            ("variation.pixel_search", v.PixelSearch), ("variation.map", v.Map), ("variation.image", v.Image),
        })
            if (!double.IsFinite(value) || value < 0)
                throw new SpadeException(SpadeError.InvalidArgument, $"{where}: {name} is {value}, which must be a number from 0");
    }
}

/// <summary>
/// Coefficients of variation (standard deviation / mean) of times, with all processors busy: photographs differ, and so do the times of
/// equal work.
/// </summary>
/// <param name="Prepare">Of decoding and preparing a photograph.</param>
/// <param name="Extract">Of the network on a tile.</param>
/// <param name="ImageSearch">Of an image search.</param>
/// <param name="PixelSearch">Of a tile's pixel search.</param>
/// <param name="Map">Of an image's map.</param>
/// <param name="Image">Of a whole image at a server, beyond what its stages explain: an image that takes long in one stage or tile also
/// takes long in the others.</param>
internal sealed record StageVariation(double Prepare, double Extract, double ImageSearch, double PixelSearch, double Map, double Image)
{
    /// <summary>Equal times.</summary>
    public static StageVariation None { get; } = new(0, 0, 0, 0, 0, 0);
}

/// <summary>Photographs of a file format.</summary>
/// <param name="MsPerMegapixel">Decoding, and reading the pixels for resizing.</param>
/// <param name="BytesPerMegapixel">Size of the files.</param>
internal sealed record FormatFigures(double MsPerMegapixel, double BytesPerMegapixel);
