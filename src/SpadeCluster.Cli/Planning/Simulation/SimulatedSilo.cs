using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>A silo: its processors, its extractor slots and the images admitted by its gateway.</summary>
internal sealed class SimulatedSilo
{
    private readonly Permits _decoding, _searching;

    /// <param name="processors">Its number of processors.</param>
    /// <param name="machine">The processors, if other silos share them; null: they are its own.</param>
    /// <param name="slots">Images scored at once by this gateway.</param>
    /// <param name="extractors">Extractor slots.</param>
    /// <param name="onDevices">Whether each slot is a device; otherwise extraction uses the processors.</param>
    public SimulatedSilo(EventQueue events, int processors, SharedProcessors? machine, int slots, int extractors, bool onDevices)
    {
        Processors = new Station(machine ?? new SharedProcessors(events, processors));
        (_decoding, _searching) = (new Permits(processors), new Permits(processors));
        Slots = new Permits(slots);
        Extractors = [.. Enumerable.Range(0, extractors).Select(_ => new SimulatedExtractor(this, events, onDevices))];
    }

    public Station Processors { get; }
    public Permits Slots { get; }
    public IReadOnlyList<SimulatedExtractor> Extractors { get; }

    /// <summary>Images admitted and not answered yet.</summary>
    public int InFlight { get; set; }

    /// <summary>Decodes an image; no more at the same time than there are processors.</summary>
    public void Decode(double seconds, Action done) => Serve(_decoding, seconds, 1, done);

    /// <summary>Searches the pixels of a tile in a shard; no more at the same time than there are processors.</summary>
    /// <param name="parts">Processors that search together.</param>
    public void Search(double seconds, int parts, Action done) => Serve(_searching, seconds, parts, done);

    private void Serve(Permits permits, double seconds, int parts, Action done) => permits.Acquire(() =>
        Processors.Serve(seconds, parts, () =>
        {
            permits.Release();
            done();
        }));
}

/// <summary>An extractor slot, on a device or on its silo's processors: tiles that waited are one batch, whose answers come
/// together.</summary>
internal sealed class SimulatedExtractor(SimulatedSilo silo, EventQueue events, bool onDevice)
{
    private static readonly int MaxBatch = new ExtractorOptions().MaxBatch;

    private readonly Queue<(double Seconds, Action Done)> _waiting = new();
    private bool _busy;

    public SimulatedSilo Silo => silo;

    /// <summary>Null: it uses the silo's processors.</summary>
    public Station? Device { get; } = onDevice ? new Station(events, 1) : null;

    /// <summary>Tiles here, being extracted or waiting.</summary>
    public int InFlight { get; private set; }

    /// <param name="seconds">Of this tile.</param>
    /// <param name="parts">Processors that a batch uses; the same for all tiles.</param>
    public void Extract(double seconds, int parts, Action done)
    {
        InFlight++;
        _waiting.Enqueue((seconds, done));
        if (!_busy) Begin(parts);
    }

    private void Begin(int parts)
    {
        int tiles = Math.Min(MaxBatch, _waiting.Count);
        (double Seconds, Action Done)[] batch = [.. Enumerable.Range(0, tiles).Select(_ => _waiting.Dequeue())];
        double seconds = batch.Sum(tile => tile.Seconds);
        _busy = true;
        if (Device is { } device) device.Serve(seconds, Next);
        else silo.Processors.Serve(seconds, parts, Next);

        void Next()
        {
            InFlight -= batch.Length;
            _busy = false;
            if (_waiting.Count > 0) Begin(parts);
            foreach (var (_, done) in batch) done();
        }
    }
}
