using Orleans.Serialization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;

namespace SpadeCluster.Cli.Bench;

/// <summary>Measures the unit figures of 'plan' on this machine, with a gallery of its own in a temporary folder.</summary>
internal sealed class UnitMeasurement : IDisposable
{
    private const string Category = "calibration";
    private const int MostNeighbours = 50, IndexRows = 20_000, SmallSide = 300, LargeSide = 2000, JpegQuality = 90, Queries = 6,
        SentAtOnce = 2;

    private readonly BusyProcessors _processors;
    private readonly TimeSpan _time;
    private readonly Action<string> _progress;
    private readonly string? _model;
    private readonly Engines _engines, _preparing;
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-calibrate-").FullName;

    /// <param name="model">As the option --model.</param>
    /// <param name="preprocessing">Chooses the photographs' geometry for the model.</param>
    /// <param name="time">Duration of each measurement.</param>
    /// <param name="progress">Gets what is being measured.</param>
    public UnitMeasurement(string? model, Func<FeatureModel, string> preprocessing, TimeSpan time, Action<string> progress)
    {
        (_model, _time, _progress) = (model, time, progress);
        _processors = new BusyProcessors(time);
        _engines = new Engines(model, new ExtractorSettings(Threads: 1));
        _preparing = _engines.Preparing(preprocessing);
    }

    /// <param name="photographs">Photographs of good parts of one product; some are scored, the others are the gallery.</param>
    /// <param name="described">What they are, for the result.</param>
    /// <exception cref="SpadeException">InvalidArgument: fewer than 4 photographs.</exception>
    public async Task<UnitFigures> RunAsync(IReadOnlyList<ImageSource> photographs, string described, CancellationToken stop)
    {
        if (photographs.Count < 4)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{photographs.Count} photographs are too few: give at least 4, and about {MostNeighbours} for the figures of a usual K");
        int scored = Math.Clamp(photographs.Count / 4, 1, Queries);
        ImageSource[] normals = [.. photographs.Skip(scored)], queries = [.. photographs.Take(scored)];
        var store = new FileGalleryStore(Path.Combine(_folder, "galleries"));
        _progress($"a gallery of {normals.Length} normals");
        var galleries = _preparing.Galleries(store, Environment.UserName, thumbnails: false);
        await galleries.AddAsync(Category, normals, cancellationToken: stop);
        var manifest = await galleries.CalibrateAsync(Category, ScoringOptions.DefaultFor(normals.Length), cancellationToken: stop);
        var (extractor, preparer) = _engines.For(manifest.Model, manifest.Preprocessing);
        using var shard = await GalleryShard.LoadAsync(store, manifest, GalleryTiles.Of(manifest).Ids, cancellationToken: stop);

        var files = new List<byte[]>();
        foreach (var query in queries) files.Add(await query.ReadAsync(stop));
        var prepared = files.ConvertAll(f => preparer.Prepare(f, "photograph"));
        var features = new List<TileFeatures[]>();
        foreach (var image in prepared) features.Add(await TileFeatures.ExtractAsync(extractor, image, stop));
        RgbImage[] pictures = [.. files.Select(f => ImageReader.Default.Decode(f, "photograph"))];

        var (jpeg, prepare) = await DecodeAsync("JPEG", i => JpegEncoder.Encode(i, JpegQuality), pictures, preparer, stop);
        var (png, _) = await DecodeAsync("PNG", PngEncoder.Encode, pictures, preparer, stop);
        var own = await MeasureAsync("the photographs themselves", (worker, i) =>
        {
            _ = preparer.Prepare(files[i % files.Count], "photograph");
            return ValueTask.CompletedTask;
        }, stop);
        var extract = await ExtractAsync(extractor, prepared, stop);
        var images = await ImageSearchAsync(manifest.Model.PooledLength, stop);
        var grid = GalleryTiles.Of(manifest).Grid;
        int reach = manifest.Calibration!.Options.TileReach ?? ScoringOptions.Anywhere;
        int rows = normals.Length * grid.Near(0, reach).Count, most = Math.Min(MostNeighbours, rows), few = Math.Max(1, most / 4);
        var searchMost = await PixelSearchAsync(shard, manifest, features, reach, most, stop);
        double searchFew = (await PixelSearchAsync(shard, manifest, features, reach, few, stop)).Ms;
        // Of a line through both; a search that is not slower with more normals costs the same for any number.
        double each = Math.Max(0, (searchMost.Ms - searchFew) / (most - few)), fixedPart = Math.Max(0, searchMost.Ms - each * most);
        double merge = await MergeAsync(shard, features[0][0], most, stop);
        var map = await MapAsync(shard, manifest, features, stop);
        double serialise = await SerialiseAsync(manifest, prepared[0], features[0][0], stop);
        var served = await ServeAsync(queries, stop);
        var search = images with { Ms = images.Ms * rows / IndexRows };
        UnitTime[] known = [own, map,
            .. Enumerable.Repeat(new[] { extract, search, searchMost }, grid.Count).SelectMany(tile => tile)];
        double answer = Math.Max(0, served.Ms - known.Sum(k => k.Ms));
        // Stages vary independently of each other; what the whole varies more, they vary together.
        double together = Math.Sqrt(Math.Max(0, served.Variance - known.Sum(k => k.Variance))) / served.Ms;
        var figures = new UnitFigures(Machine.Describe(), Environment.ProcessorCount, DateTime.UtcNow, described, manifest.Model, jpeg, png,
            prepare / grid.Count, extract.Ms, images.Ms / IndexRows * 1000, fixedPart, each, merge, map.Ms / grid.Count, serialise, answer,
            new StageVariation(own.Variation, extract.Variation, images.Variation, searchMost.Variation, map.Variation, together));
        var costs = ImageCosts.Of(figures, new PlannedLoad { Tiles = grid.Count, Normals = normals.Length, Neighbours = most }, null);
        double silo = await GallerySiloAsync(queries, stop);
        return figures with
        {
            GalleryMsPerMegabyte = Math.Max(0, silo - costs.ImageSearch - costs.PixelSearch) / (costs.SearchBytes / 1e6),
        };
    }

    public void Dispose()
    {
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<UnitTime> MeasureAsync(string what, Func<int, int, ValueTask> unit, CancellationToken stop)
    {
        _progress(what);
        return _processors.MeasureAsync(unit, stop);
    }

    /// <summary>From two sizes: what grows with the size, and what does not.</summary>
    private async Task<(FormatFigures Figures, double PrepareMs)> DecodeAsync(string format, Func<RgbImage, byte[]> encode,
        RgbImage[] pictures, IImagePreparer preparer, CancellationToken stop)
    {
        double[] ms = new double[2];
        byte[][] files = [encode(Mosaic.Of(pictures, SmallSide)), encode(Mosaic.Of(pictures, LargeSide))];
        for (int size = 0; size < 2; size++)
        {
            byte[] file = files[size];
            ms[size] = (await MeasureAsync($"{format} of {(size == 0 ? SmallSide : LargeSide)} pixels a side", (_, _) =>
            {
                _ = preparer.Prepare(file, "photograph");
                return ValueTask.CompletedTask;
            }, stop)).Ms;
        }
        double small = SmallSide * SmallSide / 1e6, large = LargeSide * LargeSide / 1e6;
        double each = Math.Max(0, (ms[1] - ms[0]) / (large - small));
        return (new FormatFigures(each, files[1].Length / large), Math.Max(0, ms[0] - each * small));
    }

    private Task<UnitTime> ExtractAsync(IFeatureExtractor extractor, List<PreparedImage> prepared, CancellationToken stop)
    {
        ImageFeatures[] buffers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new ImageFeatures(extractor.Model))];
        RgbImage[] tiles = [.. prepared.Select(p => p.Tile(0))];
        return MeasureAsync("the network", async (worker, i) =>
        {
            await extractor.ExtractAsync([tiles[i % tiles.Length]], [buffers[worker]], stop);
            _ = FeaturePyramid.From(buffers[worker]);
        }, stop);
    }

    /// <summary>In <see cref="IndexRows"/> rows: more than the processor's caches hold, as in large galleries.</summary>
    private async Task<UnitTime> ImageSearchAsync(int length, CancellationToken stop)
    {
        using var index = new ImageIndex(length, rows: IndexRows);
        var random = new Random(1);
        float[] row = new float[length];
        for (int i = 0; i < IndexRows; i++)
        {
            for (int c = 0; c < length; c++) row[c] = random.NextSingle();
            index.Add(row);
        }
        return await MeasureAsync("the image search", (_, _) =>
        {
            _ = index.Search([row], MostNeighbours, threads: 1, stop);
            return ValueTask.CompletedTask;
        }, stop);
    }

    /// <summary>All tiles of the queries in turn: small details need longer searches than whole photographs.</summary>
    private async Task<UnitTime> PixelSearchAsync(GalleryShard shard, GalleryManifest manifest, List<TileFeatures[]> features, int reach,
        int neighbours, CancellationToken stop)
    {
        var (o, grid) = (manifest.Calibration!.Options, GalleryTiles.Of(manifest).Grid);
        var options = new PixelSearchOptions(o.Fusion, o.Kappa, o.Levels, Threads: 1, o.Window);
        var queries = new List<(FeaturePyramid Pyramid, GalleryPick[] Picks)>();
        foreach (var photograph in features)
            for (int tile = 0; tile < photograph.Length; tile++)
                queries.Add((photograph[tile].Pyramid,
                    await PicksAsync(shard, photograph[tile], neighbours, stop, grid.Count == 1 ? null : grid.Near(tile, reach))));
        return await MeasureAsync($"the pixel search in {neighbours} normals", async (worker, i) =>
        {
            var (pyramid, picks) = queries[(i + worker * queries.Count / 2) % queries.Count];
            await shard.MatchAsync(pyramid, picks, options, stop);
        }, stop);
    }

    private static async Task<GalleryPick[]> PicksAsync(GalleryShard shard, TileFeatures query, int neighbours, CancellationToken stop,
        IReadOnlyList<int>? tiles = null)
        => [.. (await shard.NearestAsync(query.Pooled, neighbours, null, tiles, stop)).Select(n => n.Id).Order()
            .Select((id, position) => new GalleryPick(position, id))];

    private async Task<double> MergeAsync(GalleryShard shard, TileFeatures query, int neighbours, CancellationToken stop)
    {
        var picks = await PicksAsync(shard, query, neighbours, stop);
        var options = new PixelSearchOptions(Threads: 1);
        var other = await shard.MatchAsync(query.Pyramid, picks[(picks.Length / 2)..], options, stop);
        var mine = new List<IReadOnlyList<PixelMatches>>();
        for (int worker = 0; worker < Environment.ProcessorCount; worker++)
            mine.Add(await shard.MatchAsync(query.Pyramid, picks[..Math.Max(1, picks.Length / 2)], options, stop));
        return (await MeasureAsync("merging", (worker, _) =>
        {
            foreach (var (a, b) in mine[worker].Zip(other)) a.Merge(b);
            return ValueTask.CompletedTask;
        }, stop)).Ms;
    }

    /// <summary>Of an image. A coordinator whose shard has its answers already; the answer to the first tile serves all.</summary>
    private async Task<UnitTime> MapAsync(GalleryShard shard, GalleryManifest manifest, List<TileFeatures[]> features,
        CancellationToken stop)
    {
        ScoringCoordinator[] coordinators = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new ScoringCoordinator(
            manifest.Model, manifest.Images.Count, [new RecordedShard(shard)], threads: 1, tiles: GalleryTiles.Of(manifest)))];
        var grid = GalleryTiles.Of(manifest).Grid;
        var query = new QueryImage(default, features[0], new TileFrame(0, 0, grid.Width, grid.Height));
        return await MeasureAsync("the map", async (worker, _) => await coordinators[worker].ScoreAsync(query,
            manifest.Calibration!.Options, manifest.Calibration, cancellationToken: stop), stop);
    }

    /// <summary>Of a message between silos, whose two ends have the same work: objects to bytes, encryption, socket, and back.</summary>
    private async Task<double> SerialiseAsync(GalleryManifest manifest, PreparedImage image, TileFeatures query, CancellationToken stop)
    {
        await using var services = new ServiceCollection().AddSerializer(s => s.AddAssembly(typeof(ExtractRequest).Assembly))
            .BuildServiceProvider();
        var serializer = services.GetRequiredService<Serializer>();
        var request = new ExtractRequest(manifest.Model, manifest.Preprocessing, image.Tile(0).Pixels, WithPyramid: true);
        var reply = new ExtractReply(new byte[4 * query.Pooled.Length], Guid.Empty, query.Pyramid);
        double megabytes = (serializer.SerializeToArray(request).Length + serializer.SerializeToArray(reply).Length) / 1e6;
        var connections = new List<EncryptedConnection>();
        for (int worker = 0; worker < Environment.ProcessorCount; worker++)
            connections.Add(await EncryptedConnection.OpenAsync(Path.Combine(_folder, $"tls-{worker}"), stop));
        var both = await MeasureAsync("messages", async (worker, unit) =>
        {
            _ = serializer.Deserialize<ExtractRequest>(await connections[worker].SendAsync(serializer.SerializeToArray(request), stop));
            _ = serializer.Deserialize<ExtractReply>(await connections[worker].SendAsync(serializer.SerializeToArray(reply), stop));
        }, stop);
        foreach (var connection in connections) connection.Dispose();
        return both.Ms / 2 / megabytes;
    }

    /// <summary>A server's processor time for an image, and how much a client's waiting for it varies.</summary>
    private async Task<UnitTime> ServeAsync(ImageSource[] queries, CancellationToken stop)
    {
        _progress("a server");
        string[] model = _model is null ? [] : ["--model", _model];
        await using var served = await ServedGallery.StartAsync(["--gallery", Path.Combine(_folder, "galleries"), "--threads", "1",
            .. model], stop);
        using var client = new SpadeClient(served.Address);
        var load = new BusyProcessors(4 * _time);
        // The server opens the gallery, and its code is compiled.
        _ = await load.MeasureAsync(Send, stop);
        int sent = 0;
        var before = served.ProcessorTime;
        var request = await load.MeasureAsync(async (worker, i) =>
        {
            await Send(worker, i);
            Interlocked.Increment(ref sent);
        }, stop);
        return request with { Ms = (served.ProcessorTime - before).TotalMilliseconds / sent };

        async ValueTask Send(int worker, int i) => await client.ScoreAsync(Category, queries[(worker + i) % queries.Length], stop);
    }

    /// <summary>A gallery silo's processor milliseconds for an image, with its messages, beside a gateway on the same processors.</summary>
    private async Task<double> GallerySiloAsync(ImageSource[] queries, CancellationToken stop)
    {
        _progress("a gallery silo");
        string models = _model is not null && Directory.Exists(_model) ? Path.Combine(_model, "..") : Engines.ModelsFolder;
        await using var silos = await ServedSilos.StartAsync(Path.Combine(_folder, "galleries"), Path.GetFullPath(models), stop);
        using var client = new SpadeClient(silos.Address);
        var load = new BusyProcessors(4 * _time);
        _ = await load.MeasureAsync(Send, stop);
        int sent = 0;
        var before = silos.GalleryTime;
        _ = await load.MeasureAsync(async (worker, i) =>
        {
            await Send(worker, i);
            Interlocked.Add(ref sent, SentAtOnce);
        }, stop);
        return (silos.GalleryTime - before).TotalMilliseconds / sent;

        // More than one, so that processors are busy while messages are on their way.
        async ValueTask Send(int worker, int i) => await Task.WhenAll(Enumerable.Range(worker + i, SentAtOnce)
            .Select(query => client.ScoreAsync(Category, queries[query % queries.Length], stop)));
    }
}
