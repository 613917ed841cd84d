namespace SpadeCluster.Features;

/// <summary>What a gallery must know of the network behind its features.</summary>
/// <param name="Name">The name people use; the digest decides.</param>
/// <param name="Digest">Hex SHA-256 over everything that decides the features: network and input normalisation.
/// Galleries refuse features of another digest.</param>
/// <param name="InputWidth">Width of the network's input in pixels.</param>
/// <param name="InputHeight">Height of the network's input in pixels.</param>
/// <param name="Levels">Pyramid levels, finest first; every level's grid divides the finest's.</param>
/// <param name="PooledLength">Values of the pooled image feature.</param>
/// <param name="WeightChannels">Whether squared differences are weighted by the inverse channel variance over the
/// normals (untrained features), or all weigh 1 as in the paper (pretrained networks).</param>
public sealed record FeatureModel(
    string Name, string Digest, int InputWidth, int InputHeight, IReadOnlyList<LevelShape> Levels, int PooledLength, bool WeightChannels);
