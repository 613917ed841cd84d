namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>Tests that measure: they run while no other test of the project does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
