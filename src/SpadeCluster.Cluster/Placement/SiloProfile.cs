using System.Globalization;

namespace SpadeCluster.Cluster.Placement;

/// <summary>What a silo tells the others about itself, carried in Orleans' silo metadata.</summary>
/// <param name="Roles">Out of <see cref="SiloRole.All"/>.</param>
/// <param name="ExtractorSlots">Devices of an extractor silo: one extractor grain each.</param>
public sealed record SiloProfile(IReadOnlyList<string> Roles, int ExtractorSlots = 1)
{
    private const string RolesKey = "spade.roles", SlotsKey = "spade.extractor-slots";

    public Dictionary<string, string> ToMetadata() => new()
    {
        [RolesKey] = string.Join(',', Roles),
        [SlotsKey] = ExtractorSlots.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The profile of a silo whose metadata may not have arrived yet: then it has no role.</summary>
    public static SiloProfile From(IReadOnlyDictionary<string, string>? metadata)
        => new(metadata?.GetValueOrDefault(RolesKey)?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [],
            int.TryParse(metadata?.GetValueOrDefault(SlotsKey), NumberStyles.None, CultureInfo.InvariantCulture, out int slots)
            ? slots : 1);
}
