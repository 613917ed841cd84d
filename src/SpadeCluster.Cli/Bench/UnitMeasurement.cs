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

    /// <summary>Servers are measured longer than stages, because their code is compiled first.</summary>
    private const int ServerTimes = 4;

    private readonly BusyProcessors _processors;
    private readonly Action<string> _progress;
    private readonly string? _model;
    private readonly Engines _engines, _preparing;
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-calibrate-").FullName;
    private readonly List<IDisposable> _opened = [];

    /// <param name="model">As the option --model.</param>
    /// <param name="preprocessing">Chooses the photographs' geometry for the model.</param>
    /// <param name="time">Duration of each measurement.</param>
    /// <param name="progress">Gets what is being measured.</param>
    public UnitMeasurement(string? model, Func<FeatureModel, string> preprocessing, TimeSpan time, Action<string> progress)
    {
        (_model, _progress) = (model, progress);
        _processors = new BusyProcessors(time, progress);
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

        var readJpeg = Decode("JPEG", i => JpegEncoder.Encode(i, JpegQuality), pictures, preparer);
        var readPng = Decode("PNG", PngEncoder.Encode, pictures, preparer);
        var own = _processors.Add("the photographs themselves", (worker, i) =>
        {
            _ = preparer.Prepare(files[i % files.Count], "photograph");
            return ValueTask.CompletedTask;
        });
        var extract = Extract(extractor, prepared, stop);
        using var index = RandomIndex(manifest.Model.PooledLength);
        var images = ImageSearch(index, stop);
        var grid = GalleryTiles.Of(manifest).Grid;
        int reach = manifest.Calibration!.Options.TileReach ?? ScoringOptions.Anywhere;
        int rows = normals.Length * grid.Near(0, reach).Count, most = Math.Min(MostNeighbours, rows), few = Math.Max(1, most / 4);
        var searchMost = await PixelSearchAsync(shard, manifest, features, reach, most, stop);
        var searchFew = await PixelSearchAsync(shard, manifest, features, reach, few, stop);
        var merge = await MergeAsync(shard, features[0][0], most, stop);
        var map = Map(shard, manifest, features, stop);
        var (message, megabytes) = await MessagesAsync(manifest, prepared[0], features[0][0], stop);
        await using var server = await StartServerAsync(stop);
        using var serverClient = new SpadeClient(server.Address);
        var served = _processors.Add("a server", async (worker, i) => await serverClient.ScoreAsync(Category,
            queries[(worker + i) % queries.Length], stop), () => server.ProcessorTime, ServerTimes);
        // A gallery silo beside a gateway, on the same processors.
        await using var silos = await ServedSilos.StartAsync(2, Path.Combine(_folder, "galleries"), _model, ExtractorSettings.Cpu,
            threads: 1, stop);
        using var silosClient = new SpadeClient(silos.Address);
        // More than one image, so that processors are busy while messages are on their way.
        var silo = _processors.Add("a gallery silo", async (worker, i) => await Task.WhenAll(Enumerable.Range(worker + i, SentAtOnce)
            .Select(query => silosClient.ScoreAsync(Category, queries[query % queries.Length], stop))), () => silos.GalleryTime,
            ServerTimes);
        await _processors.RunAsync(stop);

        // A line through both times. If more normals do not make the search slower, it costs the same for any number.
        double each = Math.Max(0, (searchMost.Ms - searchFew.Ms) / (most - few)), fixedPart = Math.Max(0, searchMost.Ms - each * most);
        var (answer, together) = Rest(served, [(own, 1), (map, 1), (extract, grid.Count), (images, grid.Count * (double)rows / IndexRows),
            (searchMost, grid.Count)]);
        var ((jpeg, prepare), (png, _)) = (readJpeg(), readPng());
        var figures = new UnitFigures(Machine.Describe(), Environment.ProcessorCount, DateTime.UtcNow, described, manifest.Model,
            jpeg, png, prepare / grid.Count, extract.Ms, images.Ms / IndexRows * 1000, fixedPart, each, merge.Ms,
            map.Ms / grid.Count, message.Ms / 2 / megabytes, answer,
            new StageVariation(own.Variation, extract.Variation, images.Variation, searchMost.Variation, map.Variation, together));
        var costs = ImageCosts.Of(figures, new PlannedLoad { Tiles = grid.Count, Normals = normals.Length, Neighbours = most }, null);
        return figures with
        {
            GalleryMsPerMegabyte = Math.Max(0, silo.Ms / SentAtOnce - costs.ImageSearch - costs.PixelSearch) / (costs.SearchBytes / 1e6),
        };
    }

    public void Dispose()
    {
        foreach (var opened in _opened) opened.Dispose();
        _engines.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <returns>After the measurement: from two sizes, what grows with the size, and what does not.</returns>
    private Func<(FormatFigures Figures, double PrepareMs)> Decode(string format, Func<RgbImage, byte[]> encode, RgbImage[] pictures,
        IImagePreparer preparer)
    {
        byte[][] files = [encode(Mosaic.Of(pictures, SmallSide)), encode(Mosaic.Of(pictures, LargeSide))];
        Measured[] sizes = [.. files.Zip(new[] { SmallSide, LargeSide }, (file, side) =>
            _processors.Add($"{format} of {side} pixels a side", (_, _) =>
            {
                _ = preparer.Prepare(file, "photograph");
                return ValueTask.CompletedTask;
            }))];
        return () =>
        {
            double small = SmallSide * SmallSide / 1e6, large = LargeSide * LargeSide / 1e6;
            double each = Math.Max(0, (sizes[1].Ms - sizes[0].Ms) / (large - small));
            return (new FormatFigures(each, files[1].Length / large), Math.Max(0, sizes[0].Ms - each * small));
        };
    }

    private Measured Extract(IFeatureExtractor extractor, List<PreparedImage> prepared, CancellationToken stop)
    {
        ImageFeatures[] buffers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new ImageFeatures(extractor.Model))];
        RgbImage[] tiles = [.. prepared.Select(p => p.Tile(0))];
        return _processors.Add("the network", async (worker, i) =>
        {
            await extractor.ExtractAsync([tiles[i % tiles.Length]], [buffers[worker]], stop);
            _ = FeaturePyramid.From(buffers[worker]);
        });
    }

    /// <summary>Of <see cref="IndexRows"/> rows: more than the processor's caches hold, as in large galleries.</summary>
    private static ImageIndex RandomIndex(int length)
    {
        var index = new ImageIndex(length, rows: IndexRows);
        var random = new Random(1);
        float[] row = new float[length];
        for (int i = 0; i < IndexRows; i++)
        {
            for (int c = 0; c < length; c++) row[c] = random.NextSingle();
            index.Add(row);
        }
        return index;
    }

    private Measured ImageSearch(ImageIndex index, CancellationToken stop)
    {
        float[] query = new float[index.Length];
        Array.Fill(query, 0.5f);
        return _processors.Add("the image search", (_, _) =>
        {
            _ = index.Search([query], MostNeighbours, threads: 1, stop);
            return ValueTask.CompletedTask;
        });
    }

    /// <summary>All tiles of the queries in turn: small details need longer searches than whole photographs.</summary>
    private async Task<Measured> PixelSearchAsync(GalleryShard shard, GalleryManifest manifest, List<TileFeatures[]> features, int reach,
        int neighbours, CancellationToken stop)
    {
        var (o, grid) = (manifest.Calibration!.Options, GalleryTiles.Of(manifest).Grid);
        var options = new PixelSearchOptions(o.Fusion, o.Kappa, o.Levels, Threads: 1, o.Window);
        var queries = new List<(FeaturePyramid Pyramid, GalleryPick[] Picks)>();
        foreach (var photograph in features)
            for (int tile = 0; tile < photograph.Length; tile++)
                queries.Add((photograph[tile].Pyramid,
                    await PicksAsync(shard, photograph[tile], neighbours, stop, grid.Count == 1 ? null : grid.Near(tile, reach))));
        return _processors.Add($"the pixel search in {neighbours} normals", async (worker, i) =>
        {
            var (pyramid, picks) = queries[(i + worker * queries.Count / 2) % queries.Count];
            await shard.MatchAsync(pyramid, picks, options, stop);
        });
    }

    private static async Task<GalleryPick[]> PicksAsync(GalleryShard shard, TileFeatures query, int neighbours, CancellationToken stop,
        IReadOnlyList<int>? tiles = null)
        => [.. (await shard.NearestAsync(query.Pooled, neighbours, null, tiles, stop)).Select(n => n.Id).Order()
            .Select((id, position) => new GalleryPick(position, id))];

    private async Task<Measured> MergeAsync(GalleryShard shard, TileFeatures query, int neighbours, CancellationToken stop)
    {
        var picks = await PicksAsync(shard, query, neighbours, stop);
        var options = new PixelSearchOptions(Threads: 1);
        var other = await shard.MatchAsync(query.Pyramid, picks[(picks.Length / 2)..], options, stop);
        var mine = new List<IReadOnlyList<PixelMatches>>();
        for (int worker = 0; worker < Environment.ProcessorCount; worker++)
            mine.Add(await shard.MatchAsync(query.Pyramid, picks[..Math.Max(1, picks.Length / 2)], options, stop));
        return _processors.Add("merging", (worker, _) =>
        {
            foreach (var (a, b) in mine[worker].Zip(other)) a.Merge(b);
            return ValueTask.CompletedTask;
        });
    }

    /// <summary>The map of an image, from recorded answers of the shard. The answers for its first tile serve for all tiles.</summary>
    private Measured Map(GalleryShard shard, GalleryManifest manifest, List<TileFeatures[]> features, CancellationToken stop)
    {
        ScoringCoordinator[] coordinators = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new ScoringCoordinator(
            manifest.Model, manifest.Images.Count, [new RecordedShard(shard)], threads: 1, tiles: GalleryTiles.Of(manifest)))];
        var grid = GalleryTiles.Of(manifest).Grid;
        var query = new QueryImage(default, features[0], new TileFrame(0, 0, grid.Width, grid.Height));
        return _processors.Add("the map", async (worker, _) => await coordinators[worker].ScoreAsync(query,
            manifest.Calibration!.Options, manifest.Calibration, cancellationToken: stop));
    }

    /// <summary>Of messages between silos, whose two ends have the same work: objects to bytes, encryption, socket, and back.</summary>
    private async Task<(Measured Both, double Megabytes)> MessagesAsync(GalleryManifest manifest, PreparedImage image, TileFeatures query,
        CancellationToken stop)
    {
        var services = new ServiceCollection().AddSerializer(s => s.AddAssembly(typeof(ExtractRequest).Assembly)).BuildServiceProvider();
        _opened.Add(services);
        var serializer = services.GetRequiredService<Serializer>();
        var request = new ExtractRequest(manifest.Model, manifest.Preprocessing, image.Tile(0).Pixels, WithPyramid: true);
        var reply = new ExtractReply(new byte[4 * query.Pooled.Length], Guid.Empty, query.Pyramid);
        double megabytes = (serializer.SerializeToArray(request).Length + serializer.SerializeToArray(reply).Length) / 1e6;
        var connections = new List<EncryptedConnection>();
        for (int worker = 0; worker < Environment.ProcessorCount; worker++)
        {
            connections.Add(await EncryptedConnection.OpenAsync(Path.Combine(_folder, $"tls-{worker}"), stop));
            _opened.Add(connections[worker]);
        }
        var both = _processors.Add("messages", async (worker, unit) =>
        {
            _ = serializer.Deserialize<ExtractRequest>(await connections[worker].SendAsync(serializer.SerializeToArray(request), stop));
            _ = serializer.Deserialize<ExtractReply>(await connections[worker].SendAsync(serializer.SerializeToArray(reply), stop));
        });
        return (both, megabytes);
    }

    private Task<ServedGallery> StartServerAsync(CancellationToken stop)
    {
        string[] model = _model is null ? [] : ["--model", _model];
        return ServedGallery.StartAsync(["--gallery", Path.Combine(_folder, "galleries"), "--threads", "1", .. model], stop);
    }

    /// <summary>The time that a server takes for an image beyond that of its stages, and by how much more it varies. The variances of
    /// stages that vary independently would add up; what the whole varies more, the stages vary together.</summary>
    /// <param name="stages">With the number of times that an image needs each.</param>
    /// <returns>Milliseconds, and standard deviation / mean.</returns>
    private static (double Ms, double Variation) Rest(Measured served, (Measured Stage, double Times)[] stages)
    {
        double ms = served.Over(round => served.Rounds[round].Ms - stages.Sum(s => s.Times * s.Stage.Rounds[round].Ms));
        double variance = served.Over(round => served.Rounds[round].Variance - stages.Sum(s => s.Times * s.Stage.Rounds[round].Variance));
        return (Math.Max(0, ms), Math.Sqrt(Math.Max(0, variance)) / served.Ms);
    }
}
