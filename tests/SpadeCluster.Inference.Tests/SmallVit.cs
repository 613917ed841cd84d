using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests;

/// <summary>A small seeded vision transformer: patches of 8 pixels, a class token and registers before them, pre-norm blocks. Its levels
/// are the tokens [N, 1 + registers + cells, C] after each block.</summary>
internal static class SmallVit
{
    public const int Patch = 8, Channels = 24, Blocks = 3;

    public static InferenceModel Build(int width = 64, int height = 48, int registers = 2, TokenLayout? stated = null, int seed = 1)
    {
        var random = new Random(seed);
        float[] Weights(int count, double scale)
            => [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() - 0.5) * scale))];
        int cells = width / Patch * (height / Patch), first = 1 + registers;
        var g = new GraphBuilder("vit", "image", 3, height, width);
        string Linear(string x, string name, int inputs, int outputs)
            => g.Node("Add", name, [g.Node("MatMul", $"{name}.product",
                [x, g.Constant($"{name}.weight", [inputs, outputs], Weights(inputs * outputs, 2 / Math.Sqrt(inputs)))]),
                g.Constant($"{name}.bias", [outputs], Weights(outputs, 0.2))]);
        string Norm(string x, string name)
        {
            string centred = g.Node("Sub", $"{name}.centred", [x, g.Reduce("ReduceMean", x, $"{name}.mean", [-1])]);
            string variance = g.Reduce("ReduceMean", g.Node("Mul", $"{name}.squares", [centred, centred]), $"{name}.variance", [-1]);
            return g.Node("Div", name, [centred, g.Node("Sqrt", $"{name}.deviation",
                [g.Node("Add", $"{name}.stable", [variance, g.Scalar(1e-6f)])])]);
        }

        g.Conv("image", "patches", [Channels, 3, Patch, Patch], Weights(Channels * 3 * Patch * Patch, 0.5), Weights(Channels, 0.1), Patch,
            Patch);
        g.Node("Reshape", "rows", ["patches", g.Constant("rows.shape", [0L, Channels, cells])]);
        g.Node("Transpose", "cells", ["rows"], GraphBuilder.Ints("perm", 0, 2, 1));
        // The class token and the registers are the same for all images: zeros of the batch's size plus constants.
        g.Node("Mul", "zeros", [g.Reduce("ReduceMean", "cells", "pooled.cells", [1]), g.Scalar(0)]);
        g.Node("Add", "leading", ["zeros", g.Constant("leading.tokens", [1, first, Channels], Weights(first * Channels, 2))]);
        g.Concat("sequence", "leading", "cells");
        string x = g.Node("Add", "embedded", ["sequence",
            g.Constant("positions", [1, first + cells, Channels], Weights((first + cells) * Channels, 0.5))]);
        for (int b = 1; b <= Blocks; b++)
        {
            string n = Norm(x, $"norm{b}");
            string query = Linear(n, $"query{b}", Channels, Channels), key = Linear(n, $"key{b}", Channels, Channels);
            g.Node("Transpose", $"keys{b}", [key], GraphBuilder.Ints("perm", 0, 2, 1));
            g.Node("Mul", $"similarity{b}", [g.Node("MatMul", $"products{b}", [query, $"keys{b}"]),
                g.Scalar((float)(1 / Math.Sqrt(Channels)))]);
            g.Node("Softmax", $"attention{b}", [$"similarity{b}"], GraphBuilder.Int("axis", -1));
            g.Node("MatMul", $"attended{b}", [$"attention{b}", Linear(n, $"value{b}", Channels, Channels)]);
            x = g.Node("Add", $"middle{b}", [x, Linear($"attended{b}", $"projected{b}", Channels, Channels)]);
            string hidden = Linear(Norm(x, $"norm{b}.mlp"), $"hidden{b}", Channels, 2 * Channels);
            x = g.Node("Add", $"block{b}", [x, Linear(g.Node("Tanh", $"active{b}", [hidden]), $"out{b}", 2 * Channels, Channels)]);
            g.Output(x, first + cells, Channels);
        }
        byte[] network = g.Build();
        return InferenceModel.Create(new ModelManifest("vit", width, height, ChannelOrder.RGB, [127, 127, 127], [60, 60, 60],
            ["block1", "block2", "block3"], new PooledSource(ClassOf: "block3"), false, InferenceModel.DigestOf(network), "MIT", "test",
            Tokens: stated ?? new TokenLayout(Patch, Registers: registers)), network, "test transformer");
    }
}
