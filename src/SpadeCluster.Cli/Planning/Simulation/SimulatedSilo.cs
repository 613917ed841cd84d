namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>A silo: its processors, its extractor slots and the images admitted by its gateway.</summary>
internal sealed class SimulatedSilo
{
    /// <param name="slots">Images scored at once by this gateway.</param>
    /// <param name="extractors">Extractor slots.</param>
    /// <param name="onDevices">Whether each slot is a device; otherwise extraction uses the processors.</param>
    public SimulatedSilo(EventQueue events, int processors, int slots, int extractors, bool onDevices)
    {
        Processors = new Station(events, processors);
        Slots = new Permits(slots);
        Extractors = [.. Enumerable.Range(0, extractors).Select(_ => new SimulatedExtractor(this, events, onDevices))];
    }

    public Station Processors { get; }
    public Permits Slots { get; }
    public IReadOnlyList<SimulatedExtractor> Extractors { get; }

    /// <summary>Images admitted and not answered yet.</summary>
    public int InWork { get; set; }
}

/// <summary>An extractor slot: one tile at a time, on a device or on its silo's processors.</summary>
internal sealed class SimulatedExtractor(SimulatedSilo silo, EventQueue events, bool onDevice)
{
    private readonly Permits _turn = new(1);

    public SimulatedSilo Silo => silo;

    /// <summary>Null: it uses the silo's processors.</summary>
    public Station? Device { get; } = onDevice ? new Station(events, 1) : null;

    /// <summary>Tiles here, being extracted or waiting.</summary>
    public int InWork { get; private set; }

    /// <param name="parts">Processors that one tile uses.</param>
    public void Extract(double seconds, int parts, Action done)
    {
        InWork++;
        _turn.Acquire(() =>
        {
            if (Device is { } device) device.Serve(seconds, Next);
            else silo.Processors.Serve(seconds, parts, Next);
        });

        void Next()
        {
            InWork--;
            _turn.Release();
            done();
        }
    }
}
