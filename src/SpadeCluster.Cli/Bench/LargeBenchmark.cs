using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Bench;

/// <summary>Times photographs of 12 megapixels beside forward passes of the network alone and photographs of one tile, in turns.</summary>
internal sealed class LargeBenchmark(Engines engines, LargeGalleries galleries)
{
    private const int FirstSeed = 5000, JpegQuality = 90;

    private static readonly (string Name, Func<RgbImage, byte[]> Encode)[] Formats =
        [("PNG", PngEncoder.Encode), ("JPEG", image => JpegEncoder.Encode(image, JpegQuality))];

    /// <param name="threads">As the option --threads.</param>
    /// <param name="progress">Gets what is being done.</param>
    public async Task<LargeResult> RunAsync(int threads, int rounds, Action<string> progress, CancellationToken stop)
    {
        await galleries.BuildAsync(progress, stop);
        var manifest = (await galleries.Store.ReadCurrentAsync(galleries.Panels, stop))!;
        var model = manifest.Model;
        var (extractor, preparer) = engines.For(model, manifest.Preprocessing);
        var grid = GalleryTiles.Of(manifest).Grid;
        int rows = manifest.Images.Count * grid.RowCount, tiles = grid.Columns * grid.Rows;
        long resident = await ResidentAsync();
        using var scoring = Scoring();

        var series = Formats.Select(_ => new List<Round>()).ToArray();
        // The first round opens the other galleries, and is not counted.
        for (int round = 0; round <= rounds; round++)
        {
            progress(round == 0 ? "warm-up" : $"round {round} of {rounds}");
            var panel = Panel(round);
            var parts = galleries.Cut(panel);
            foreach (var ((_, encode), measured) in Formats.Zip(series))
            {
                byte[] file = encode(panel);
                var counted = await RoundAsync(file, [.. parts.Select(encode)], preparer.Prepare(file, galleries.Panels));
                if (round > 0) measured.Add(counted);
            }
        }
        return new LargeResult(model.Name, Machine.Describe(), threads, tiles, manifest.Images.Count, rounds,
            Spread.Of([.. series.SelectMany(s => s.Select(r => r.Pass))]), [.. Formats.Zip(series, (f, s) => Summary(f.Name, s, tiles))],
            new PredictedBytes(rows * galleries.Store.BytesPerImage(model), galleries.PanelBytes),
            new PredictedBytes(rows * PixelIndex.MostResidentBytes(model.Levels), resident));

        ScoringService Scoring() => new(galleries.Store, engines, threads: threads, memory: GalleryShard.WholeMemory(model, rows));

        // What closing the gallery gives back: buffers that the process keeps for any gallery are not among it.
        async Task<long> ResidentAsync()
        {
            progress("opening and closing the gallery");
            long open;
            using (var opened = Scoring())
            {
                await opened.ScoreAsync(galleries.Panels, new ImageSource(galleries.Panels, Formats[0].Encode(Panel(0))), stop);
                open = GC.GetTotalMemory(forceFullCollection: true);
            }
            return open - GC.GetTotalMemory(forceFullCollection: true);
        }

        async Task<Round> RoundAsync(byte[] file, byte[][] parts, PreparedImage prepared)
        {
            double pass = await PassAsync(extractor, prepared, tiles, stop), part = 0;
            for (int p = 0; p < parts.Length; p++)
                part += await Timing.MeasureAsync(() => ScoreAsync(galleries.Parts[p], parts[p])) / parts.Length;
            StageTimes stages = new();
            double whole = await Timing.MeasureAsync(async () => stages = await ScoreAsync(galleries.Panels, file));
            return new Round(file.Length / 1e6, pass, part, whole, stages);
        }

        async Task<StageTimes> ScoreAsync(string category, byte[] file)
            => (await scoring.ScoreAsync(category, new ImageSource(category, file), stop)).Result.Times;
    }

    /// <summary>Every second one has a defect.</summary>
    private static RgbImage Panel(int round)
    {
        string? kind = round % 2 == 0 ? null : PanelScene.Kinds[round / 2 % PanelScene.Kinds.Count];
        return PanelScene.Photograph(FirstSeed + round, kind).Photograph;
    }

    /// <returns>Milliseconds of a forward pass of one tile.</returns>
    private static async Task<double> PassAsync(IFeatureExtractor extractor, PreparedImage image, int tiles, CancellationToken stop)
    {
        var features = new ImageFeatures(extractor.Model);
        RgbImage[] inputs = [.. Enumerable.Range(0, tiles).Select(image.Tile)];
        return await Timing.MeasureAsync(async () =>
        {
            foreach (var input in inputs) await extractor.ExtractAsync([input], [features], stop);
        }) / tiles;
    }

    private static LargePhotograph Summary(string format, List<Round> rounds, int tiles)
    {
        return new LargePhotograph(format, Of(r => r.Megabytes).Median, Of(r => r.Part), Of(r => r.Whole),
            Of(r => r.Whole / (tiles * r.Pass)), Of(r => r.Whole / (tiles * r.Part)),
            new StageTimes
            {
                Prepare = Of(r => r.Stages.Prepare).Median,
                Extract = Of(r => r.Stages.Extract).Median,
                Retrieve = Of(r => r.Stages.Retrieve).Median,
                Match = Of(r => r.Stages.Match).Median,
                Map = Of(r => r.Stages.Map).Median,
            });

        Spread Of(Func<Round, double> value) => Spread.Of([.. rounds.Select(value)]);
    }

    /// <summary>Milliseconds of one round: a pass, a photograph of one tile, and one of all tiles.</summary>
    private sealed record Round(double Megabytes, double Pass, double Part, double Whole, StageTimes Stages);
}
