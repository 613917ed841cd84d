using Microsoft.Extensions.DependencyInjection;
using Orleans.Metadata;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace SpadeCluster.Cluster.Placement;

/// <summary>
/// Places a grain only on silos with a role and, if its key names a silo, only there. (Orleans' own metadata filter
/// compares with the caller's silo, which cannot say "on a silo with a GPU".)
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OnSiloWithAttribute(string role) : PlacementFilterAttribute(new OnSiloWithStrategy(role));

internal sealed class OnSiloWithStrategy(string role) : PlacementFilterStrategy(order: 1)
{
    private const string RoleKey = "role";

    public OnSiloWithStrategy() : this("") { }

    public string Role { get; private set; } = role;

    public override void AdditionalInitialize(GrainProperties properties) =>
        Role = GetPlacementFilterGrainProperty(RoleKey, properties) ?? "";

    protected override IEnumerable<KeyValuePair<string, string>> GetAdditionalGrainProperties(IServiceProvider services, Type grainClass,
        GrainType grainType, IReadOnlyDictionary<string, string> existingProperties)
        => [new(RoleKey, Role)];
}

internal sealed class OnSiloWithDirector(IServiceProvider services) : IPlacementFilterDirector
{
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target, IEnumerable<SiloAddress> silos)
    {
        string? named = GrainKeys.SiloOf(target.GrainIdentity.Key.ToString()!);
        // Resolved here, because placement is created before the services of the directory.
        var eligible = services.GetRequiredService<ISiloDirectory>().With(((OnSiloWithStrategy)filterStrategy).Role)
            .Where(s => named is null || s.Name == named).Select(s => s.Address).ToHashSet();
        return silos.Where(eligible.Contains);
    }
}
