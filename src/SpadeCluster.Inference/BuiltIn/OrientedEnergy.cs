namespace SpadeCluster.Inference.BuiltIn;

/// <summary>The built-in model without trained weights. Code generates it, with the same bytes on every machine.</summary>
internal static class OrientedEnergy
{
    /// <summary>The number changes when the features change.</summary>
    public const string Name = "oriented-energy-1";

    /// <summary>Building the network takes milliseconds.</summary>
    public static InferenceModel Open()
    {
        byte[] network = OrientedEnergyGraph.Build();
        var manifest = new ModelManifest(
            Name, OrientedEnergyGraph.InputSize, OrientedEnergyGraph.InputSize, ChannelOrder.RGB, [0, 0, 0], [255, 255, 255],
            ["level1", "level2", "level3"], new PooledSource(Output: "pooled"), WeightChannels: true, InferenceModel.DigestOf(network),
            "MIT", "made by SpadeCluster; holds no trained weights");
        return InferenceModel.Create(manifest, network, Name);
    }
}
