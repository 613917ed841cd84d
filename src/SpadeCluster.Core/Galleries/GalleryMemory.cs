namespace SpadeCluster.Galleries;

/// <summary>The memory of the galleries that a process holds.</summary>
/// <param name="Categories">Categories with at least one open shard.</param>
/// <param name="Bytes">Upper limit of their memory.</param>
/// <param name="Opened">Number of times that a shard was opened: a number far above the number of shards and versions means that memory is
/// too small.</param>
public sealed record GalleryMemory(int Categories, long Bytes, long Opened);
