namespace SpadeCluster.Cli.Planning;

/// <summary>What a plan is for.</summary>
internal sealed record PlannedLoad
{
    public int Lines { get; init; } = 1;

    /// <summary>Images per second of a line.</summary>
    public double Rate { get; init; } = 1;

    public double Megapixels { get; init; } = 5;

    /// <summary>File format of the photographs: jpeg or png.</summary>
    public string Format { get; init; } = "jpeg";

    public int Tiles { get; init; } = 1;

    /// <summary>K, the normals that the pixel search compares with.</summary>
    public int Neighbours { get; init; } = Scoring.ScoringOptions.DefaultGalleryNeighbours;

    /// <summary>Share of the images that are localised.</summary>
    public double Localised { get; init; } = 1;

    public int Categories { get; init; } = 1;

    /// <summary>Normals of a category.</summary>
    public int Normals { get; init; } = 100;

    /// <summary>Shards of a category.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Gallery silos that hold each shard.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Share of the decisions whose photograph is kept.</summary>
    public double Kept { get; init; } = 1;

    public double PerSecond => Lines * Rate;

    /// <summary>Rows of a category's gallery.</summary>
    public int Rows => Normals * Tiles;

    /// <summary>Expected number of shards that hold some of the K nearest rows.</summary>
    public double ShardsWithNeighbours =>
        Shards * (1 - Math.Pow(1 - 1.0 / Shards, Math.Min(Neighbours, Rows)));
}

/// <summary>Which roles share a silo.</summary>
internal enum Layout
{
    /// <summary>'spade serve': one process has everything; several are independent of each other.</summary>
    Serve,

    /// <summary>Gateways with extractors, and galleries: what deploy/kubernetes has.</summary>
    Galleries,

    /// <summary>Gateways, extractors and galleries, each as silos of their own.</summary>
    Separate,
}

/// <summary>The machines of a plan.</summary>
internal sealed record PlannedMachines
{
    public Layout Layout { get; init; } = Layout.Galleries;

    /// <summary>Processors of a silo.</summary>
    public int Processors { get; init; } = 4;

    /// <summary>Whether all silos are on one machine and share its processors.</summary>
    public bool OneMachine { get; init; }

    /// <summary>Processor milliseconds of other programs on that machine for each image, such as clients and the database.</summary>
    public double OtherMs { get; init; }

    /// <summary>Memory of a silo in bytes.</summary>
    public double Memory { get; init; } = 16e9;

    /// <summary>Threads for one tile's extraction or search; 0: all processors.</summary>
    public int Threads { get; init; }

    /// <summary>Milliseconds of a tile on a GPU; null: processors extract.</summary>
    public double? DeviceMs { get; init; }

    /// <summary>GPUs of a silo with extractors.</summary>
    public int Devices { get; init; } = 1;

    /// <summary>Share of time that processors and devices may be busy.</summary>
    public double Busy { get; init; } = 0.7;

    /// <summary>Bits per second of a silo's network.</summary>
    public double Network { get; init; } = 10e9;

    /// <summary>Seconds of a message between two silos.</summary>
    public double Hop { get; init; } = 0.0003;

    /// <summary>Images in progress at one gateway; more are refused.</summary>
    public int Admitted { get; init; } = 64;

    /// <summary>Numbers of silos; null: as many as the load needs.</summary>
    public int? Gateways { get; init; }
    public int? Extractors { get; init; }
    public int? Galleries { get; init; }

    /// <summary>Parts that run at the same time in one tile's extraction or search.</summary>
    public int Parts => Threads == 0 ? Processors : Math.Min(Threads, Processors);
}
