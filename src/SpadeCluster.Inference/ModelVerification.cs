using SpadeCluster.Features;

namespace SpadeCluster.Inference;

/// <summary>Checks an extractor by running it: finite features, and the same bits every time.</summary>
public static class ModelVerification
{
    /// <returns>Per level, then for the pooled feature: smallest, largest and mean value seen.</returns>
    /// <exception cref="SpadeException">FailedPrecondition: a check failed.</exception>
    public static async Task<IReadOnlyList<FeatureRange>> RunAsync(IFeatureExtractor extractor, int images = 3, int seed = 1,
        CancellationToken cancellation = default)
    {
        var model = extractor.Model;
        RgbImage[] inputs = [.. Enumerable.Range(0, images).Select(i => Image(model, seed + i))];
        ImageFeatures[] batch = [.. inputs.Select(_ => new ImageFeatures(model))], again =
            [.. inputs.Select(_ => new ImageFeatures(model))];
        await extractor.ExtractAsync(inputs, batch, cancellation).ConfigureAwait(false);
        for (int i = 0; i < images; i++) await extractor.ExtractAsync([inputs[i]], [again[i]], cancellation).ConfigureAwait(false);

        var ranges = new List<FeatureRange>();
        for (int part = 0; part <= model.Levels.Count; part++)
        {
            string name = part < model.Levels.Count ? $"level {part + 1}" : "pooled";
            float[][] values = [.. batch.Select(f => Part(f, part))];
            if (values.Any(v => !v.All(float.IsFinite))) throw Failed($"its {name} features contain NaN or infinite values");
            if (values.Where((v, i) => !v.AsSpan().SequenceEqual(Part(again[i],
                part))).Any()) throw Failed($"its {name} features differ between a batch and single images");
            if (images > 1 && values[0].AsSpan().SequenceEqual(values[1])) throw Failed($"its {name} features are the same for " +
                $"different images");
            ranges.Add(new(name, values.Min(v => v.Min()), values.Max(v => v.Max()), values.Average(v => v.Average())));
        }
        return ranges;

        SpadeException Failed(string problem) => new(SpadeError.FailedPrecondition, $"model {model.Name} failed verification: {problem}");
    }

    /// <summary>The difference between two extractors of the same model: per level, then pooled, the largest over the images of the norm of
    /// the difference divided by the norm.</summary>
    public static async Task<IReadOnlyList<double>> CompareAsync(IFeatureExtractor a, IFeatureExtractor b, int images = 3, int seed = 1,
        CancellationToken cancellation = default)
    {
        if (a.Model.Digest != b.Model.Digest) throw new SpadeException(SpadeError.FailedPrecondition,
            $"the extractors run different models: {a.Model.Digest} and {b.Model.Digest}");
        var errors = new double[a.Model.Levels.Count + 1];
        var (fa, fb) = (new ImageFeatures(a.Model), new ImageFeatures(b.Model));
        for (int i = 0; i < images; i++)
        {
            var image = Image(a.Model, seed + i);
            await a.ExtractAsync([image], [fa], cancellation).ConfigureAwait(false);
            await b.ExtractAsync([image], [fb], cancellation).ConfigureAwait(false);
            for (int part = 0; part < errors.Length; part++) errors[part] =
                Math.Max(errors[part], RelativeError(Part(fb, part), Part(fa, part)));
        }
        return errors;
    }

    /// <summary>Norm of the difference divided by the norm of <paramref name="expected"/>.</summary>
    internal static double RelativeError(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double difference = 0, norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double d = (double)actual[i] - expected[i];
            difference += d * d;
            norm += (double)expected[i] * expected[i];
        }
        return Math.Sqrt(difference / Math.Max(norm, double.Epsilon));
    }

    /// <summary>A seeded image with smooth parts, edges and noise.</summary>
    internal static RgbImage Image(FeatureModel model, int seed)
    {
        var random = new Random(seed);
        var image = new RgbImage(model.InputWidth, model.InputHeight);
        double fx = 0.02 + (0.2 * random.NextDouble()), fy = 0.02 + (0.2 * random.NextDouble());
        int edge = random.Next(image.Width);
        for (int y = 0, at = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++)
                for (int c = 0; c < 3; c++)
                    image.Pixels[at++] = (byte)Math.Clamp(128 + (60 * Math.Sin((fx * x) + (fy * y) + c)) + (x > edge ? 30 : -30)
                        + random.Next(-20, 21), 0, 255);
        return image;
    }

    private static float[] Part(ImageFeatures features, int part) => part < features.Levels.Count ? features.Levels[part] : features.Pooled;
}

/// <summary>The values of one output over the images of a verification.</summary>
public readonly record struct FeatureRange(string Name, float Smallest, float Largest, float Mean);
