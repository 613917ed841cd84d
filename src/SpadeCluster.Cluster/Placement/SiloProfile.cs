using System.Globalization;

namespace SpadeCluster.Cluster.Placement;

/// <summary>The roles and slots of a silo, published in Orleans' silo metadata.</summary>
/// <param name="Roles">Out of <see cref="SiloRole.All"/>.</param>
/// <param name="ExtractorSlots">Number of extractor grains of an extractor silo, one per device slot.</param>
public sealed record SiloProfile(IReadOnlyList<string> Roles, int ExtractorSlots = 1)
{
    private const string RolesKey = "spade.roles", SlotsKey = "spade.extractor-slots";

    public Dictionary<string, string> ToMetadata() => new()
    {
        [RolesKey] = string.Join(',', Roles),
        [SlotsKey] = ExtractorSlots.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The profile in a silo's metadata; without roles if the metadata has not arrived yet.</summary>
    public static SiloProfile From(IReadOnlyDictionary<string, string>? metadata)
        => new(metadata?.GetValueOrDefault(RolesKey)?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [],
            int.TryParse(metadata?.GetValueOrDefault(SlotsKey), NumberStyles.None, CultureInfo.InvariantCulture, out int slots)
            ? slots : 1);
}
