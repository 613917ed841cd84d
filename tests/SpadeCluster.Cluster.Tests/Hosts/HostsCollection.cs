namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>The tests share one cluster, and measure: they run while no other test of the project does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class HostsCollection : ICollectionFixture<HostCluster>
{
    public const string Name = "hosts";
}
