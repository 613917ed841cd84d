using System.Diagnostics;
using System.Text.Json;
using SpadeCluster.Evaluation;
using SpadeCluster.Tests;

namespace SpadeCluster.Core.Tests.Evaluation;

public class PixelMeasuresTests
{
    private sealed record Case(int Width, double Theta, float[][] Maps, int[][] Masks);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>200 seeded sets with ties, empty and full masks, sets without normals and without defects.</summary>
    [PythonFact("numpy", "scipy", "sklearn")]
    public async Task Every_measure_equals_the_independent_one()
    {
        Case[] cases = [.. Enumerable.Range(0, 200).Select(Draw)];
        var start = new ProcessStartInfo(PythonFactAttribute.Python, [Path.Combine(AppContext.BaseDirectory, "Evaluation", "measures.py")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var python = Process.Start(start)!;
        var reading = python.StandardOutput.ReadToEndAsync();
        await python.StandardInput.WriteAsync(JsonSerializer.Serialize(cases, Json));
        python.StandardInput.Close();
        var expected = JsonDocument.Parse(await reading).RootElement;
        var defined = new Dictionary<string, int>();
        for (int i = 0; i < cases.Length; i++)
        {
            foreach (var (name, actual) in Measure(cases[i]))
            {
                var value = expected[i].GetProperty(name);
                if (value.ValueKind == JsonValueKind.Null) Assert.True(double.IsNaN(actual), $"case {i}: {name} is {actual}");
                else Assert.True(Math.Abs(value.GetDouble() - actual) <= 1e-6, $"case {i}: {name} is {actual}, not {value}");
                defined[name] = defined.GetValueOrDefault(name) + (double.IsNaN(actual) ? 0 : 1);
            }
        }
        Assert.All(defined.Values, count => Assert.InRange(count, 100, 199));
    }

    private static IEnumerable<(string Name, double Value)> Measure(Case drawn)
    {
        var measures = new PixelMeasures();
        foreach (var (map, mask) in drawn.Maps.Zip(drawn.Masks)) measures.Add(map, [.. mask.Select(m => m == 1)], drawn.Width);
        var ranked = measures.Ranked;
        return [("roc", ranked.RocArea()), ("ap", ranked.AveragePrecision()),
            ("f1", ranked.Positives == 0 ? double.NaN : ranked.BestF1().F1), ("seg", measures.F1Above(drawn.Theta)),
            ("pro30", measures.OverlapArea(0.3)), ("pro05", measures.OverlapArea(0.05)),
            ("steps", measures.OverlapArea(0.3, 20)), ("pimo", measures.PerImageOverlapArea()),
            ("wide", measures.PerImageOverlapArea(0.01, 0.5))];
    }

    private static Case Draw(int seed)
    {
        var random = new Random(seed);
        int width = random.Next(3, 13), height = random.Next(3, 13), images = random.Next(1, 6);
        // Few levels make many ties; a third of the sets has none to speak of.
        int levels = new[] { 4, 30, 1_000_000 }[seed % 3];
        var (maps, masks) = (new float[images][], new int[images][]);
        for (int n = 0; n < images; n++)
        {
            bool normal = random.Next(2) == 0;
            double share = normal ? 0 : random.Next(6) == 0 ? 1 : random.NextDouble() * 0.5;
            masks[n] = [.. Enumerable.Range(0, width * height).Select(_ => random.NextDouble() < share ? 1 : 0)];
            maps[n] = [.. masks[n].Select(m => (float)(random.Next(levels) * 4.0 / levels + m - 1.5))];
        }
        return new Case(width, random.NextDouble() * 4 - 1.5, maps, masks);
    }

    [Fact]
    public void Counts_of_one_score_pass_every_byte()
    {
        var counts = new PixelCounts();
        int[] pixels = [255, 256, 65_535, 65_536, 70_000];
        for (int i = 0; i < pixels.Length; i++)
        {
            float[] map = new float[pixels[i]];
            Array.Fill(map, i);
            counts.Add(map, new bool[map.Length]);
        }
        counts.Add([4, 4, 0], [true, false, false]);
        Assert.Equal([new(4, 1, 70_001, 70_000), new(3, 1, 135_537, 135_536), new(2, 1, 201_072, 201_071),
            new(1, 1, 201_328, 201_327), new PixelStep(0, 1, 201_584, 201_582)], counts.Steps());
    }

    [Fact]
    public void Scores_of_both_signs_and_equal_zeros_keep_their_order()
    {
        var counts = new PixelCounts();
        counts.Add([-2, 3, -0f, 0, float.MaxValue, -1e-30f], [false, true, true, false, false, false]);
        counts.Add([3, float.NegativeInfinity], [false, false]);
        Assert.Equal(
            [new(float.MaxValue, 0, 1, 0), new(3, 1, 2, 1), new(0, 2, 3, 1), new(-1e-30f, 2, 4, 1), new(-2, 2, 5, 1),
                new PixelStep(float.NegativeInfinity, 2, 6, 2)],
            counts.Steps());
        Assert.Throws<ArgumentException>(() => counts.Add([float.NaN], [false]));
    }

    [Fact]
    public void Without_the_last_bits_of_scores_measures_are_nearly_the_same()
    {
        var random = new Random(5);
        var (exact, rounded) = (new PixelMeasures(), new PixelMeasures(8));
        for (int n = 0; n < 20; n++)
        {
            bool[] mask = [.. Enumerable.Range(0, 10_000).Select(i => n % 2 == 0 && i % 100 < 30 && i < 2000)];
            float[] map = [.. mask.Select(m => (float)(random.NextDouble() * 3 + (m ? 1 : 0) - 0.5))];
            exact.Add(map, mask, 100);
            rounded.Add(map, mask, 100);
        }
        Assert.Equal(exact.Ranked.RocArea(), rounded.Ranked.RocArea(), 4);
        Assert.Equal(exact.OverlapArea(0.3), rounded.OverlapArea(0.3), 4);
        Assert.Equal(exact.F1Above(2), rounded.F1Above(2), 3);
        var counts = new PixelCounts(8);
        counts.Add([1, 1 + 1e-6f, -2, 1.001f], [false, true, false, false]);
        Assert.Equal([1.001f, 1, -2], counts.Steps().Select(s => s.Threshold).Select(t => MathF.Round(t, 3)));
        Assert.All(counts.Steps().Skip(1).Take(1), s => Assert.Equal((1L, 1f), (s.Defect, s.Threshold)));
    }

    [Fact]
    public void The_drawn_curve_starts_at_zero_and_ends_at_the_limit()
    {
        var measures = new PixelMeasures();
        measures.Add([.. Enumerable.Range(0, 10_000).Select(i => i * 7919 % 10_007f)], [.. Enumerable.Range(0, 10_000).Select(i => i < 99)],
            100);
        var curve = measures.OverlapCurve(0.3);
        Assert.Equal((0, 0), curve[0]);
        Assert.InRange(curve.Count, 100, 1000);
        Assert.InRange(curve[^1].FalsePositiveRate, 0.295, 0.3);
    }
}
