using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Evaluation.Datasets;

/// <summary>Manifests as in the developer guide of Lookout for Vision.</summary>
public sealed class LookoutManifestTests : WorkFolder
{
    private const int Side = 8;

    private static string Line(string file, int label, string? more = null) => $$"""
        {"source-ref": "s3://bucket/project/{{file}}", "anomaly-label": {{label}}, "anomaly-label-metadata": {"confidence": 1,
        "class-name": "{{(label == 0 ? "normal" : "anomaly")}}", "human-annotated": "yes", "creation-date": "2021-10-12T14:16:45.668",
        "type": "groundtruth/image-classification", "job-name": "labeling-job/classification-job"}{{more}}}
        """.ReplaceLineEndings(" ");

    /// <summary>A mask's line; the background is not white.</summary>
    private static string Mask(string file) => $$$"""
        , "anomaly-mask-ref": "s3://bucket/masks/{{{file}}}", "anomaly-mask-ref-metadata": {"internal-color-map": {
        "0": {"class-name": "BACKGROUND", "hex-color": "#ff0000", "confidence": 0.0},
        "1": {"class-name": "scratch", "hex-color": "#2ca02c", "confidence": 0.0},
        "2": {"class-name": "dent", "hex-color": "#000000", "confidence": 0.0}}, "type": "groundtruth/semantic-segmentation"}
        """;

    [Fact]
    public void Normals_are_learned_from_and_all_others_are_tested_with_their_masks()
    {
        // Without the bucket, and without its first folder.
        Write("project/train/a.png", "project/train/b.png", "project/test/a.png", "test/d.png");
        var mask = new RgbImage(Side, Side);
        for (int i = 0; i < Side * Side; i++)
            ((byte[])(i == 20 ? [0x2c, 0xa0, 0x2c] : i == 21 ? [0, 0, 0] : [255, 0, 0])).CopyTo(mask.Pixels, 3 * i);
        Directory.CreateDirectory(At("masks"));
        PngEncoder.WriteFile(At("masks", "d.png"), mask);
        WriteLines("train.manifest", Line("train/a.png", 0), "", Line("train/b.png", 1));
        WriteLines("test.manifest", Line("test/a.png", 0), Line("test/d.png", 1, Mask("d.png")));

        var dataset = Assert.Single(DatasetLayout.Open(Root));
        Assert.Equal(At("project/train/a.png"), Assert.Single(dataset.Train));
        Assert.Equal([("project/train/b.png", "anomaly", false), ("project/test/a.png", "good", false), ("test/d.png", "anomaly", true)],
            dataset.Test.Select(t => (Path.GetRelativePath(Root, t.Path), t.Kind, t.MaskPath is not null)));
        bool[] truth = Evaluator.ReadMask(dataset.Test[2], Preprocessing.Stretch(Side, Side), Side * Side)!;
        Assert.Equal([20, 21], truth.Index().Where(p => p.Item).Select(p => p.Index));
        Assert.Equal(dataset.Train, LookoutManifest.Normals(At("train.manifest")));
    }

    [Fact]
    public async Task Evaluate_measures_them_and_the_normals_of_a_manifest_become_a_category()
    {
        for (int i = 0; i < 6; i++) Write($"train/{i}.png");
        Write("train/bad.png", "test/0.png", "test/1.png");
        WriteLines("train.manifest", [.. Enumerable.Range(0, 6).Select(i => Line($"train/{i}.png", 0)), Line("train/bad.png", 1)]);
        WriteLines("test.manifest", Line("test/0.png", 0), Line("test/1.png", 1));
        var (evaluated, _, why) = await Spade.RunAsync("evaluate", Root, "--layout", "lookout", "--model", "oriented-energy-1", "--out",
            At("report"), "--alpha", "0.2");
        Assert.True(evaluated == 0, why);
        var (added, _, error) = await Spade.RunAsync("gallery", "add", "part", At("train.manifest"), "--gallery", At("galleries"),
            "--model", "oriented-energy-1", "--no-calibrate");
        Assert.True(added == 0, error);
        var (_, list, _) = await Spade.RunAsync("gallery", "list", "--gallery", At("galleries"), "--json");
        Assert.Contains("\"images\":6,", list, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"source-ref": "s3://b/no.png", "anomaly-label": 0}""", SpadeError.InvalidArgument, "line 2: 's3://b/no.png' is not in")]
    [InlineData("""{"source-ref": "s3://b/../a.png", "anomaly-label": 0}""", SpadeError.InvalidArgument, "'s3://b/../a.png' is not in")]
    [InlineData("""{"source-ref": "s3://b/a.png", "anomaly-label": """, SpadeError.InvalidArgument, "line 2: is not JSON")]
    [InlineData("""{"source-ref": "s3://b/a.png"}""", SpadeError.InvalidArgument, "line 2: is not JSON of Lookout")]
    [InlineData("null", SpadeError.InvalidArgument, "line 2: is not JSON of Lookout")]
    [InlineData("""{"source-ref": "s3://b/a.png", "anomaly-label": 2}""", SpadeError.InvalidArgument, "line 2: the label is 2")]
    [InlineData("""{"source-ref": "s3://b/a.png", "anomaly-label": 0, "anomaly-label-metadata": {"class-name": "anomaly"}}""",
        SpadeError.InvalidArgument, "line 2: the label is 0 and the class 'anomaly'")]
    [InlineData("""{"source-ref": "s3://c/d/bad.png", "anomaly-label": 1}""", SpadeError.InvalidArgument, "line 2: '")]
    [InlineData("""{"source-ref": "s3://b/a.png", "anomaly-label": 1}""", SpadeError.NotFound, "holds no images of normals")]
    public void A_wrong_manifest_is_named_with_its_line(string line, SpadeError error, string problem)
    {
        Write("a.png", "bad.png", "t.png");
        WriteLines("train.manifest", Line("bad.png", 1), line);
        WriteLines("test.manifest", Line("t.png", 0));
        foreach (Action read in new[] { () => DatasetLayout.Open(Root), (Action)(() => LookoutManifest.Normals(At("train.manifest"))) })
        {
            var e = Assert.Throws<SpadeException>(read);
            Assert.Equal(error, e.Error);
            Assert.Contains("train.manifest", e.Message, StringComparison.Ordinal);
            Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Both_manifests_are_needed()
    {
        WriteLines("train.manifest", []);
        Assert.Contains("test.manifest", Assert.Throws<SpadeException>(() => DatasetLayout.Open(Root)).Message, StringComparison.Ordinal);
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => LookoutManifest.Normals(At("no.manifest"))).Error);
    }

    private void WriteLines(string file, params string[] lines) => File.WriteAllLines(At(file), lines);

    /// <summary>Writes grey pictures, each another one.</summary>
    private void Write(params string[] files)
    {
        foreach (string file in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(At(file))!);
            var image = new RgbImage(Side, Side);
            new Random(file.Sum(c => c)).NextBytes(image.Pixels);
            PngEncoder.WriteFile(At(file), image);
        }
    }
}
