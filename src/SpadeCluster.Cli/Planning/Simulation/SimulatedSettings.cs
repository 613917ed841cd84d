namespace SpadeCluster.Cli.Planning.Simulation;

/// <summary>A cluster and its load. Times are seconds of one processor, or of one device.</summary>
internal sealed record SimulatedSettings
{
    public int Seed { get; init; } = 1;

    /// <summary>Images that arrive per second, at random times.</summary>
    public double PerSecond { get; init; } = 1;

    /// <summary>Instead of arrivals at random times: clients that each send an image when the one before is answered.</summary>
    public int? Connections { get; init; }

    /// <summary>Silos that take images; at least 1.</summary>
    public int Gateways { get; init; } = 1;

    /// <summary>Silos of their own for extractors; null: gateways have them.</summary>
    public int? Extractors { get; init; }

    /// <summary>Silos of their own for galleries; null: each gateway has all galleries.</summary>
    public int? Galleries { get; init; }

    /// <summary>Processors of a silo.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>Whether the processors are those of one machine, which all silos share.</summary>
    public bool OneMachine { get; init; }

    /// <summary>Work of other programs on that machine for each image, such as the client's: half before the image arrives at its gateway,
    /// half after the answer.</summary>
    public double Other { get; init; }

    /// <summary>Images in progress at one gateway; more are refused.</summary>
    public int Admitted { get; init; } = int.MaxValue;

    /// <summary>Images scored at once by one gateway; others wait.</summary>
    public int Slots { get; init; } = int.MaxValue;

    /// <summary>Extractor slots of a silo that has extractors.</summary>
    public int ExtractorSlots { get; init; } = 1;

    /// <summary>Whether each slot is a device; otherwise extraction uses the processors.</summary>
    public bool OnDevices { get; init; }

    public int Categories { get; init; } = 1;

    /// <summary>Shards of a category.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Shards of a category that hold some of the K nearest normals.</summary>
    public int ShardsWithNeighbours { get; init; } = 1;

    public int Replicas { get; init; } = 1;

    /// <summary>Tiles of an image.</summary>
    public int Tiles { get; init; } = 1;

    /// <summary>Share of the images that are localised.</summary>
    public double Localised { get; init; } = 1;

    /// <summary>How much the times below vary.</summary>
    public StageVariation Variation { get; init; } = StageVariation.None;

    /// <summary>Decoding and preparing an image.</summary>
    public double Prepare { get; init; }

    /// <summary>Extraction of a tile.</summary>
    public double Extract { get; init; }

    /// <summary>Processors that extract one tile together.</summary>
    public int ExtractParts { get; init; } = 1;

    /// <summary>Image search of a tile in one shard.</summary>
    public double ImageSearch { get; init; }

    /// <summary>Pixel search of a tile in one shard.</summary>
    public double PixelSearch { get; init; }

    /// <summary>Processors that search one tile together.</summary>
    public int SearchParts { get; init; } = 1;

    /// <summary>Merging the answers of shards, and the map of an image.</summary>
    public double Map { get; init; }

    /// <summary>The rest of an image's work at its gateway: the request, the decision log and the answer.</summary>
    public double Answer { get; init; }

    /// <summary>Time of a message between two silos.</summary>
    public double Hop { get; init; }
}
