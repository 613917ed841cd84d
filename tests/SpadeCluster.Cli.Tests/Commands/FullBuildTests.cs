using System.Text.Json;
using SixLabors.ImageSharp;
using SpadeCluster.Tests;

namespace SpadeCluster.Cli.Tests.Full;

/// <summary>ONNX Runtime and ImageSharp behind the command line.</summary>
public class FullBuildTests : WorkFolder
{
    private static readonly string[] Extractors = ["managed", "onnxruntime"];

    [SharedDataFact]
    public async Task Both_extractors_measure_the_same_on_real_photographs()
    {
        var (exit, _, error) = await Spade.RunAsync("model", "import", "resnet50-caffe", "--weights", SharedData.Path("data", "resnet50-l3", "resnet50_layers1-3.safetensors"), "--out", At("model"));
        Assert.True(exit == 0, error);
        var results = new List<JsonElement>();
        foreach (string extractor in Extractors)
        {
            (exit, string output, error) = await Spade.RunAsync("evaluate", SharedData.Path("data", "cookie"), "--model", At("model"), "--gate-k", "3", "--gallery-k", "31", "--extractor", extractor, "--out", At(extractor), "--json");
            Assert.True(exit == 0, error);
            results.Add(JsonDocument.Parse(output).RootElement);
        }
        foreach (string figure in new[] { "image_auroc_gate", "image_auroc_map_max", "image_auroc_map_top1", "pixel_auroc", "pro_30" })
            Assert.Equal(results[0].GetProperty(figure).GetDouble(), results[1].GetProperty(figure).GetDouble(), 0.001);
    }

    [Fact]
    public async Task A_gallery_of_one_extractor_serves_the_other()
    {
        string plates = Plates(5), query = Path.Combine(Plates(1, "query", seed: 90), "00.png");
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", At("galleries"), "--extractor", "managed");
        Assert.True(exit == 0, error);
        var scores = new List<JsonElement[]>();
        foreach (string extractor in Extractors)
        {
            (exit, string output, error) = await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), "--extractor", extractor, "--json", query, Path.Combine(plates, "02.png"));
            Assert.True(exit == 0, error);
            scores.Add([.. output.Trim().Split('\n').Select(l => JsonDocument.Parse(l).RootElement)]);
        }
        double raw = scores[0][0].GetProperty("raw_score").GetDouble();
        Assert.True(raw > 0);
        Assert.Equal(raw, scores[1][0].GetProperty("raw_score").GetDouble(), 1e-3 * raw);
        Assert.Equal(scores[0][0].GetProperty("pred_label").GetBoolean(), scores[1][0].GetProperty("pred_label").GetBoolean());
        // An image of the gallery itself: exactly 0 by the extractor that built it, next to nothing by the other.
        Assert.Equal(0, scores[0][1].GetProperty("raw_score").GetDouble());
        Assert.InRange(scores[1][1].GetProperty("raw_score").GetDouble(), 0, 1e-3 * raw);
    }

    [Fact]
    public async Task Verify_compares_the_extractors()
    {
        var (exit, output, error) = await Spade.RunAsync("model", "verify", "--json");
        Assert.True(exit == 0, error);
        var extractors = JsonDocument.Parse(output).RootElement.GetProperty("extractors").EnumerateArray().ToArray();
        Assert.Equal(["managed", "onnxruntime"], extractors.Select(e => e.GetProperty("name").GetString()));
        var differences = extractors[1].GetProperty("differences").EnumerateArray().ToArray();
        Assert.Equal(["level 1", "level 2", "level 3", "pooled"], differences.Select(d => d.GetProperty("output").GetString()));
        Assert.All(differences, d => Assert.InRange(d.GetProperty("relative").GetDouble(), 0, 1e-4));
    }

    [Fact]
    public async Task Tiff_and_WebP_photographs_score_as_their_PNG_does()
    {
        string png = Path.Combine(Plates(1, "query", seed: 90), "00.png");
        using (var image = await Image.LoadAsync(png))
        {
            await image.SaveAsTiffAsync(At("query", "00.tif"));
            await image.SaveAsync(At("query", "00.webp"), new SixLabors.ImageSharp.Formats.Webp.WebpEncoder { FileFormat = SixLabors.ImageSharp.Formats.Webp.WebpFileFormatType.Lossless });
        }
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", Plates(4), "--gallery", At("galleries"));
        Assert.True(exit == 0, error);
        (exit, string output, error) = await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), "--json", png, At("query", "00.tif"), At("query", "00.webp"));
        Assert.True(exit == 0, error);
        Assert.Single(output.Trim().Split('\n').Select(l => JsonDocument.Parse(l).RootElement.GetProperty("raw_score").GetDouble()).Distinct());
    }

    [Theory]
    [InlineData(3, "is no device", "--device", "gpu")]
    [InlineData(3, "runs on the CPU only", "--extractor", "managed", "--device", "cuda")]
    public async Task Devices_that_cannot_be(int code, string says, params string[] options)
    {
        var (exit, _, error) = await Spade.RunAsync(["gallery", "add", "plates", Plates(2), "--gallery", At("galleries"), .. options]);
        Assert.Equal(code, exit);
        Assert.Contains(says, error, StringComparison.Ordinal);
    }
}
