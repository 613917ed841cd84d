using System.Diagnostics;
using System.Text.Json;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Evaluation;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Tests;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>Gateway, two gallery silos and an extractor silo on PostgreSQL score real photographs as one process does.</summary>
public sealed class CookieTests(ITestOutputHelper output)
{
    [PostgresFact(sharedData: true, "grpc", "google.protobuf")]
    public async Task Same_results_as_standalone_for_our_client_and_for_one_that_is_not_ours()
    {
        await using var silos = await RealSilos.StartAsync([("gateway", "gateway"), ("gallery-1", "gallery"), ("gallery-2", "gallery"),
            ("extractor", "extractor")],
            new() { ["Spade:Cluster:Shards"] = "3" });
        using var client = silos.Client();
        var normals = Sources("train", "good");
        var outcomes = new List<AddOutcome>();
        var added = await client.AddNormalsAsync("cookie", normals, "tester", new Collect(outcomes));
        Assert.Equal(normals.Count, added!.ImageCount);
        Assert.All(outcomes, o => Assert.Equal(AddStatus.Added, o.Status));
        Assert.Equal(3, added.Shards);
        var calibrated = await client.CalibrateAsync("cookie", null, "tester");
        Assert.NotNull(calibrated.Calibration);

        // A gallery built from the same files in this process alone has the same tiles, images and thresholds.
        using var engines = new StandaloneEngines();
        var store = new InMemoryGalleryStore();
        var alone = new GalleryService(store, engines, "tester");
        await alone.AddAsync("cookie", normals, asNew: new NewCategory(await PhotographSizes.ReadAsync(normals)));
        var manifest = await alone.CalibrateAsync("cookie", ScoringOptions.DefaultFor(normals.Count));
        Assert.Equal(manifest.Preprocessing, calibrated.Preprocessing);
        Assert.Equal(manifest.Calibration!.Theta, calibrated.Calibration.Theta);
        Assert.Equal(manifest.Calibration.Tau, calibrated.Calibration.Tau);

        var photos = Sources("test", "defect").Concat(Sources("test", "good")).ToList();
        using var standalone = new ScoringService(store, engines);
        var expected = new List<ImageScore>();
        foreach (var photo in photos) expected.Add(ImageScore.Of(await standalone.ScoreAsync("cookie", photo)));

        int at = 0;
        await foreach (var score in client.ScoreManyAsync("cookie", photos)) SameScores.Assert(expected[at++], score.Score!);
        Assert.Equal(photos.Count, at);
        at = 0;
        await foreach (var score in client.ScoreStreamAsync("cookie", photos)) SameScores.Assert(expected[at++], score.Score!);
        Assert.Equal(photos.Count, at);

        string answers = (await RunAsync(PythonFactAttribute.Python,
            [Path.Combine(AppContext.BaseDirectory, "Interop", "client.py"), silos.Gateway, "cookie", .. photos.Select(p => p.Name)]));
        var lines = answers.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        foreach (string way in new[] { "unary", "stream" })
        {
            var scores = lines.Where(l => l.GetProperty("way").GetString() == way).ToList();
            Assert.Equal(photos.Count, scores.Count);
            foreach (var (e, a) in expected.Zip(scores))
            {
                Assert.Equal(e.ImageId, a.GetProperty("image_id").GetString());
                Assert.Equal(e.RawScore, a.GetProperty("raw_score").GetDouble());
                Assert.Equal(e.PredScore, a.GetProperty("pred_score").GetDouble());
                Assert.Equal(e.GateDistance, a.GetProperty("gate_distance").GetDouble());
                Assert.Equal(e.PredLabel, a.GetProperty("pred_label").GetBoolean());
                Assert.Equal(e.Regions.Count, a.GetProperty("regions").GetInt32());
            }
        }
        Assert.Equal("NOT_FOUND", lines[^1].GetProperty("code").GetString());
        output.WriteLine($"{photos.Count} photographs: the same results from 3 shards on 2 silos by the C# client (unary and stream), "
            + $"by python3-grpcio (unary and stream) and standalone");
    }

    private static List<ImageSource> Sources(params string[] folder)
        => [.. InspectionDataset.ImageFiles(SharedData.Path(["data", "cookie", .. folder]))
            .Select(f => new ImageSource(f, _ => ValueTask.FromResult(File.ReadAllBytes(f))))];

    private static async Task<string> RunAsync(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var (text, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await text : throw new InvalidOperationException($"{await text}\n{await errors}");
    }

    private sealed class Collect(List<AddOutcome> outcomes) : IProgress<AddOutcome>
    {
        public void Report(AddOutcome value) => outcomes.Add(value);
    }
}
