namespace SpadeCluster.Galleries;

/// <summary>The memory of the galleries that a process holds.</summary>
/// <param name="Categories">Categories of which it holds at least one shard.</param>
/// <param name="Bytes">Bytes that these may take.</param>
/// <param name="Opened">Shards opened so far: many more than there are shards and versions say that memory is short.</param>
public sealed record GalleryMemory(int Categories, long Bytes, long Opened);
