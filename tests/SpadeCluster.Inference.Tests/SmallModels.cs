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

    /// <summary>A file's beginnings of every length, then copies of it with one to three changed bytes.</summary>
    public static IEnumerable<byte[]> Damaged(byte[] good, int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = i < good.Length ? good[..i] : [.. good];
            if (i >= good.Length)
                for (int n = random.Next(1, 4); n > 0; n--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            yield return bytes;
        }
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
