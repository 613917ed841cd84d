namespace SpadeCluster.Features;

/// <summary>The description of a network that a gallery keeps with its features.</summary>
/// <param name="Name">The name that people use; the digest identifies the model.</param>
/// <param name="Digest">Hex SHA-256 of everything that affects the features: network and input normalisation.
/// Galleries refuse features of another digest.</param>
/// <param name="InputWidth">Width of the network's input in pixels.</param>
/// <param name="InputHeight">Height of the network's input in pixels.</param>
/// <param name="Levels">Pyramid levels, finest first; every level's grid divides the finest's.</param>
/// <param name="PooledLength">Values of the pooled image feature.</param>
/// <param name="WeightChannels">Whether squared differences are weighted by the inverse channel variance over the
/// normals (untrained features), or all have weight 1 as in the paper (pretrained networks).</param>
public sealed record FeatureModel(
    string Name, string Digest, int InputWidth, int InputHeight, IReadOnlyList<LevelShape> Levels, int PooledLength, bool WeightChannels);
