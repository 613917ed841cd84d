using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests;

/// <summary>Small models with one level, "level", pooled as its mean.</summary>
internal static class SmallModels
{
    public static InferenceModel Of(Action<GraphBuilder> build, int size = 16)
    {
        var builder = new GraphBuilder("test", "image", 3, size, size);
        build(builder);
        builder.Output("level");
        byte[] network = builder.Build();
        return InferenceModel.Create(Manifest(network, size), network, "test model");
    }

    /// <summary>The smallest built-in model as a folder.</summary>
    public static InferenceModel WriteOrientedEnergy(string folder, bool replace = false)
    {
        var model = OrientedEnergy.Open();
        ModelFolder.Write(folder, model, replace);
        return model;
    }

    public static ModelManifest Manifest(byte[] network, int size = 16) =>
        new("test", size, size, ChannelOrder.RGB, [0, 0, 0], [255, 255, 255], ["level"], new PooledSource(MeanOf: "level"), false,
            InferenceModel.DigestOf(network), "MIT", "test");
}
