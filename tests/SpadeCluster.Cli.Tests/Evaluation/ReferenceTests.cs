using System.Text.Json;
using SpadeCluster.Tests;

namespace SpadeCluster.Cli.Tests.Evaluation;

/// <summary>The whole chain - decoding, resampling, ResNet-50, search, maps, metrics - against the brute-force Python reference.</summary>
public class ReferenceTests : WorkFolder
{
    [SharedDataFact]
    public async Task Evaluation_equals_the_reference_in_both_fusions()
    {
        var (exit, _, error) = await Spade.RunAsync("model", "import", "resnet50-caffe", "--weights",
            SharedData.Path("data", "resnet50-l3", "resnet50_layers1-3.safetensors"), "--out", At("model"));
        Assert.True(exit == 0, error);
        foreach (var (fusion, file) in new[] { ("concatenated", "reference_nearest_k31.json"),
            ("per-level", "reference_per-level_k31.json") })
        {
            (exit, string output, error) =
                await Spade.RunAsync("evaluate", SharedData.Path("data", "cookie"), "--model", At("model"), "--gate-k", "3", "--gallery-k",
                    "31", "--fusion", fusion, "--protocol", "plain", "--out", At(fusion), "--json");
            Assert.True(exit == 0, error);
            var actual = JsonDocument.Parse(output).RootElement;
            var expected = JsonDocument.Parse(File.ReadAllText(SharedData.Path("data", "cookie", file))).RootElement;
            foreach (string figure in new[] { "image_auroc_gate", "image_auroc_map_max", "image_auroc_map_top1", "pixel_auroc", "pro_30" })
                Assert.Equal(expected.GetProperty("summary").GetProperty(figure).GetDouble(), actual.GetProperty(figure).GetDouble(),
                    0.003);

            var images = actual.GetProperty("categories")[0].GetProperty("images").EnumerateArray()
                .ToDictionary(i => i.GetProperty("file").GetString()!);
            foreach (var reference in expected.GetProperty("images").EnumerateArray())
            {
                var image = images[reference.GetProperty("file").GetString()!];
                // The reference's decoder is libjpeg; the full build's decoder sometimes differs from it by one level.
                AssertWithin(0.005, reference, "gate", image, "gate");
                AssertWithin(0.005, reference, "map_max", image, "map_max");
                AssertWithin(0.005, reference, "map_top1", image, "map_top1");
                Assert.Equal(reference.GetProperty("nearest").GetString(), image.GetProperty("nearest").GetString());
            }
        }
    }

    [SharedDataFact]
    public async Task The_model_without_trained_weights_keeps_its_quality_on_real_photographs()
    {
        var (exit, output, error) =
            await Spade.RunAsync("evaluate", SharedData.Path("data", "cookie"), "--model", "oriented-energy-1",
                "--protocol", "plain", "--gate-k", "3",
                "--gallery-k", "31", "--out", At("report"), "--json");
        Assert.True(exit == 0, error);
        var figures = JsonDocument.Parse(output).RootElement;
        Assert.True(figures.GetProperty("image_auroc_map_top1").GetDouble() >= 0.97);
        Assert.True(figures.GetProperty("pixel_auroc").GetDouble() >= 0.93);
        Assert.True(figures.GetProperty("pro_30").GetDouble() >= 0.82);
    }

    private static void AssertWithin(double share, JsonElement expected, string expectedName, JsonElement actual, string actualName)
    {
        double e = expected.GetProperty(expectedName).GetDouble(), a = actual.GetProperty(actualName).GetDouble();
        Assert.True(Math.Abs(a - e) <= share * e, $"{actual.GetProperty("file")}: {actualName} is {a}, the reference has {e}");
    }
}
