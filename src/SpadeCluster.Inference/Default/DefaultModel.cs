namespace SpadeCluster.Inference.Default;

/// <summary>The embedded default model: made by code, the same bytes on every machine, so that nothing need be downloaded.</summary>
public static class DefaultModel
{
    /// <summary>The number changes whenever the features do.</summary>
    public const string Name = "oriented-energy-1";

    /// <summary>The model in memory; building it takes milliseconds.</summary>
    public static InferenceModel Open()
    {
        byte[] network = OrientedEnergyGraph.Build();
        var manifest = new ModelManifest(
            Name, OrientedEnergyGraph.InputSize, OrientedEnergyGraph.InputSize, ChannelOrder.RGB, [0, 0, 0], [255, 255, 255],
            ["level1", "level2", "level3"], new PooledSource(Output: "pooled"), WeightChannels: true, InferenceModel.DigestOf(network),
            "MIT", "made by SpadeCluster; holds no trained weights");
        return InferenceModel.Create(manifest, network, Name);
    }

    /// <summary>Writes it as a model folder.</summary>
    public static InferenceModel Write(string outDirectory, bool replace = false)
    {
        var model = Open();
        ModelFolder.Write(outDirectory, model, replace);
        return model;
    }
}
