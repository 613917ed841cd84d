namespace SpadeCluster.Cli.Planning;

/// <summary>The output of 'plan --json'. Bytes per second are payloads, of all silos of a role together.</summary>
/// <param name="Figures">The machine of the unit figures.</param>
/// <param name="ImageMs">What drives the cost: processor milliseconds of an image by stage; extraction on a device, if there is
/// one.</param>
/// <param name="GalleryBytes">Memory of all shards and replicas.</param>
/// <param name="DiskBytes">Galleries on the disk or in the database.</param>
/// <param name="Network">Bytes per second between roles, by "from to".</param>
/// <param name="DecisionsPerSecond">Transactions of the decision log.</param>
/// <param name="KeptBytesPerSecond">Photographs kept with them.</param>
/// <param name="Full">Images per second at which the busiest resource is busy all the time; null: nothing is busy.</param>
/// <param name="Bottleneck">That resource.</param>
/// <param name="Resources">Everything that work or messages keep busy, the busiest first.</param>
/// <param name="Notes">What else limits the plan.</param>
internal sealed record Plan(string Figures, PlannedLoad Load, PlannedMachines Machines, IReadOnlyDictionary<string, double> ImageMs,
    IReadOnlyList<PlannedRole> Roles, double GalleryBytes, double DiskBytes, IReadOnlyDictionary<string, double> Network,
    double DecisionsPerSecond, double KeptBytesPerSecond, SimulatedLatencies Simulated, double? Full, string Bottleneck,
    IReadOnlyList<PlannedResource> Resources, IReadOnlyList<string> Notes);

/// <param name="Role">Roles of these silos.</param>
/// <param name="Processors">Of all of them together; of the machine if all silos are on one.</param>
/// <param name="Devices">Of all of them together; 0: processors extract.</param>
/// <param name="Busy">Mean share of time that processors are busy.</param>
/// <param name="Busiest">The same of the busiest silo, simulated.</param>
/// <param name="DevicesBusy">Mean share of time that devices are busy.</param>
/// <param name="MemoryBytes">Of one silo: galleries, images in progress, and the program.</param>
/// <param name="NetworkBusy">Share of a silo's network that is used, in the fuller direction.</param>
internal sealed record PlannedRole(string Role, int Silos, int Processors, int Devices, double Busy, double Busiest, double DevicesBusy,
    double MemoryBytes, double NetworkBusy);

/// <summary>What can be full: processors, devices or the network of a role's silos.</summary>
/// <param name="Busy">Share of time that it is busy; of galleries, in the silo that has the most shards.</param>
/// <param name="Full">Images per second at which it would be busy all the time.</param>
internal sealed record PlannedResource(string Name, double Busy, double Full);

/// <summary>Latencies in milliseconds, from the photograph's arrival at a gateway to the answer.</summary>
/// <param name="Images">Images simulated: each is answered or refused.</param>
internal sealed record SimulatedLatencies(int Images, int Answered, int Refused, double PerSecond, double P50, double P90, double P99,
    double Max);
