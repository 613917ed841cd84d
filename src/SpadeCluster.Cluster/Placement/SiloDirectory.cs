using Orleans.Runtime.MembershipService.SiloMetadata;

namespace SpadeCluster.Cluster.Placement;

/// <summary>An active silo and its profile.</summary>
public sealed record KnownSilo(SiloAddress Address, string Name, SiloProfile Profile);

/// <summary>The cluster's active silos, as this silo knows them.</summary>
public interface ISiloDirectory
{
    /// <summary>Active silos with a role, ascending by name.</summary>
    IReadOnlyList<KnownSilo> With(string role);
}

internal sealed class SiloDirectory(IClusterMembershipService membership, ISiloMetadataCache metadata) : ISiloDirectory
{
    public IReadOnlyList<KnownSilo> With(string role)
        => [.. membership.CurrentSnapshot.Members.Values.Where(m => m.Status == SiloStatus.Active)
            .Select(m => new KnownSilo(m.SiloAddress, m.Name, SiloProfile.From(metadata.GetSiloMetadata(m.SiloAddress)?.Metadata)))
            .Where(s => s.Profile.Roles.Contains(role)).OrderBy(s => s.Name, StringComparer.Ordinal)];
}

internal static class SiloDirectoryExtensions
{
    /// <exception cref="SpadeException">Unavailable: no silo has the role.</exception>
    public static IReadOnlyList<KnownSilo> Require(this ISiloDirectory silos, string role)
        => silos.With(role) is { Count: > 0 } found ? found
            : throw new SpadeException(SpadeError.Unavailable, $"no silo with role '{role}' is up: start one, or wait until it has joined");
}
