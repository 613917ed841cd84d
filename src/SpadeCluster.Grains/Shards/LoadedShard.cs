using SpadeCluster.Galleries;

namespace SpadeCluster.Grains.Shards;

/// <summary>A shard of one version in memory; the version cannot be compacted away while it is.</summary>
internal sealed record LoadedShard(GalleryShard Shard, IDisposable Pin);
