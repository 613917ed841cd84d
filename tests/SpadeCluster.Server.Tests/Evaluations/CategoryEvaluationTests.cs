using System.Net;
using System.Text;
using System.Text.Json;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Evaluations;
using SpadeCluster.Server.Tests.TestSets;

namespace SpadeCluster.Server.Tests.Evaluations;

/// <summary>A labelled test set over a running server.</summary>
public sealed class CategoryEvaluationTests(PartsFixture server) : IClassFixture<PartsFixture>
{
    [Fact]
    public async Task Figures_counts_and_pictures_are_those_of_the_photographs()
    {
        using var client = server.Client(server.Engineer);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/v1/galleries/parts/evaluation")).StatusCode);
        // What cannot be seen on the photographs is missed.
        byte[][] good = [.. Enumerable.Range(700, 4).Select(Part.Good)],
            spots = [.. Enumerable.Range(800, 3).Select(Part.Defective)],
            faint = [.. Enumerable.Range(850, 3).Select(Part.Good)];
        byte[] zip = Zip.Of([.. Files("test/good", good), .. Files("test/spot", spots), .. Files("test/faint", faint),
            .. Files("ground_truth/spot", [Mask(), Mask(), Mask()]), ("test/good/known.png", Part.Good(3)), ("test/spot/broken.png", [1])]);

        var begun = await client.PostAsync("/v1/galleries/parts/evaluation",
            new MultipartFormDataContent { { ServerFixture.Image(zip, "application/zip"), "set", "parts.zip" } });
        Assert.True(begun.StatusCode == HttpStatusCode.Accepted, await begun.Content.ReadAsStringAsync());
        await server.App.Service<CategoryEvaluation>().EndAsync("parts").WaitAsync(TimeSpan.FromMinutes(2));
        var result = server.App.Service<CategoryEvaluation>().Find("parts")!;
        Assert.Null(result.Problem);
        Assert.Equal((12, 12, 1, 4, 6), (result.Done, result.Of, result.Normals, result.Good, result.Defects));
        Assert.Contains("broken.png", Assert.Single(result.Problems), StringComparison.Ordinal);

        // The same photographs by the way of a line.
        var scoring = server.App.Service<IScoringService>();
        var scored = new List<(string Kind, ScoredImage Image)>();
        foreach (var (kind, files) in new[] { ("good", good), ("spot", spots), ("faint", faint) })
            foreach (byte[] file in files) scored.Add((kind, await scoring.ScoreAsync("parts", new ImageSource("a.png", file))));
        Assert.Equal(scored.Where(s => s.Kind == "good").Select(s => s.Image.Result.Score!.Value), result.GoodScores);
        Assert.Equal(scored.Where(s => s.Kind != "good").Select(s => s.Image.Result.Score!.Value).Order(), result.DefectScores.Order());
        Assert.Equal(["good", "faint", "spot"], result.Kinds.Select(k => k.Name));
        foreach (var (kind, counts) in result.Kinds)
            Assert.Equal((Count(kind, Verdict.Good), Count(kind, Verdict.Review), Count(kind, Verdict.Defect), 0),
                (counts.Good, counts.Review, counts.Defect, counts.None));
        Assert.Equal(scored.Count(s => s.Kind != "good" && s.Image.Result.Verdict == Verdict.Good), result.Misses);
        Assert.Equal(scored.Count(s => s.Kind == "good" && s.Image.Result.Verdict != Verdict.Good), result.FalseRejects);
        Assert.Equal(result.Misses + result.FalseRejects, result.Mistakes.Count);
        Assert.True(result.Misses > 0, "no mistake to show");

        // AUROC by its definition: the share of pairs in the right order.
        double pairs = (from g in result.GoodScores from d in result.DefectScores select d > g ? 1 : d < g ? 0 : 0.5).Average();
        Assert.Equal(pairs, result.Figures!.ImageAuroc!.Value, 12);
        // All bits of the maps, of good parts and of the defects with a mask.
        var exact = new PixelMeasures();
        bool[] spot = Preprocessing.Parse(scored[0].Image.Gallery.Preprocessing).ApplyToMask(ImageReader.Default.Decode(Mask(), "mask"));
        foreach (var (kind, image) in scored.Where(s => s.Kind != "faint"))
            exact.Add(image.Result.Map!.Values, kind == "good" ? new bool[spot.Length] : spot, image.Result.Map.Width);
        Assert.Equal(3, result.Figures.Masks);
        Assert.Equal(exact.Ranked.RocArea(), result.Figures.PixelAuroc!.Value, 4);
        Assert.Equal(exact.OverlapArea(0.3), result.Figures.Pro30!.Value, 4);

        var json = await ApiTests.Json(await client.GetAsync("/v1/galleries/parts/evaluation"));
        Assert.Equal((result.Misses, result.Figures.Pro30.Value, false), (json.GetProperty("misses").GetInt32(),
            json.GetProperty("figures").GetProperty("pro_30").GetDouble(), json.GetProperty("running").GetBoolean()));
        Assert.Equal([0xFF, 0xD8], (await client.GetByteArrayAsync("/v1/galleries/parts/evaluation/0"))[..2]);
        Assert.Equal(HttpStatusCode.NotFound,
            (await client.GetAsync($"/v1/galleries/parts/evaluation/{result.Mistakes.Count}")).StatusCode);
        string html = WebUtility.HtmlDecode(await client.GetStringAsync("/v1/galleries/parts/evaluation?format=html"));
        Assert.Contains("data:image/jpeg;base64," + Convert.ToBase64String(result.Mistakes[0].Picture), html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.Contains("\"evaluate\"", await client.GetStringAsync("/v1/audit"), StringComparison.Ordinal);
        // Nothing was decided.
        Assert.Empty(server.App.Service<DecisionLog>().Find(new DecisionFilter("parts")));

        int Count(string kind, Verdict verdict) => scored.Count(s => s.Kind == kind && s.Image.Result.Verdict == verdict);
    }

    [Fact]
    public async Task Without_masks_or_defects_their_figures_are_missing_and_a_wrong_mask_is_told()
    {
        await server.CreateAsync("plain", [.. Enumerable.Range(0, 12).Select(i => ($"good-{i}.png", Part.Good(i)))]);
        using var client = server.Client(server.Engineer);
        var result = await EvaluateAsync(new() { { ServerFixture.Image(Part.Good(700)), "good", "a.png" } });
        Assert.Equal((null, null, null, 0),
            (result.Figures!.ImageAuroc, result.Figures.PixelAuroc, result.Figures.Pro30, result.Figures.Masks));
        result = await EvaluateAsync(new()
        {
            { ServerFixture.Image(Part.Good(700)), "good", "a.png" }, { ServerFixture.Image(Part.Defective(800)), "defect", "b.png" },
            { ServerFixture.Image(Encoding.ASCII.GetBytes("P5\n4 4\n255\n0123456789abcde")), "mask", "b_mask.png" },
        });
        Assert.Contains("mask of b.png", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal((1, 0), (result.Good, result.Defects));

        async Task<EvaluationResult> EvaluateAsync(MultipartFormDataContent form)
        {
            await ApiTests.Json(await client.PostAsync("/v1/galleries/plain/evaluation", form));
            await server.App.Service<CategoryEvaluation>().EndAsync("plain").WaitAsync(TimeSpan.FromMinutes(2));
            return server.App.Service<CategoryEvaluation>().Find("plain")!;
        }
    }

    [Fact]
    public async Task What_cannot_be_evaluated_is_told()
    {
        using var client = server.Client(server.Engineer);
        foreach (var (category, field, status, sentence) in new[]
        {
            ("nothing", "good", HttpStatusCode.NotFound, "nothing"),
            ("parts", "image", HttpStatusCode.BadRequest, "send good parts as 'good'"),
        })
        {
            var answer = await client.PostAsync($"/v1/galleries/{category}/evaluation",
                new MultipartFormDataContent { { ServerFixture.Image(Part.Good(1)), field, "a.png" } });
            Assert.Equal(status, answer.StatusCode);
            Assert.Contains(sentence, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    internal static IEnumerable<(string, byte[])> Files(string folder, IReadOnlyList<byte[]> files)
        => files.Select((file, i) => ($"parts/{folder}/{i:000}{(folder.StartsWith("ground", StringComparison.Ordinal) ? "_mask" : "")}.png",
            file));

    /// <summary>Where <see cref="Part.Defective"/> has its spot.</summary>
    internal static byte[] Mask()
    {
        var image = new RgbImage(96, 96);
        for (int y = 45; y < 56; y++)
            for (int x = 61; x < 72; x++) image.Pixels.AsSpan(3 * (y * 96 + x), 3).Fill(255);
        return PngEncoder.Encode(image);
    }
}
