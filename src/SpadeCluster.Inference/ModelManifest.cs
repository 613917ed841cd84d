using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace SpadeCluster.Inference;

public enum ChannelOrder
{
    RGB,
    BGR,
}

/// <summary>The pooled feature: the graph output <see cref="Output"/>, or the spatial mean of the pyramid level
/// <see cref="MeanOf"/>. Exactly one is given.</summary>
public sealed record PooledSource(string? Output = null, string? MeanOf = null);

/// <summary>
/// The content of <c>model.json</c>, which describes <c>model.onnx</c>. The network's input is (pixel - mean) / scale per channel, pixels
/// from 0 to 255, with channels, means and scales in <see cref="ChannelOrder"/>.
/// </summary>
/// <param name="Levels">Graph outputs [N, C, H, W] that form the pyramid, finest first.</param>
/// <param name="Sha256">Hex SHA-256 of model.onnx.</param>
/// <param name="WeightChannels">See <see cref="Features.FeatureModel.WeightChannels"/>.</param>
/// <param name="Aggregate">Each cell of a level becomes the mean over the Aggregate x Aggregate cells around it, without those outside the
/// level: locally aware features (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", 2022, section 3.1). Odd; 1: no
/// averaging. The pooled feature is taken before it.</param>
/// <param name="LevelScales">Factor of each level's values, so that a level with large variance does not dominate the sum of squared
/// distances; null: 1. The pooled feature is taken before it.</param>
public sealed record ModelManifest(
    string Name, int InputWidth, int InputHeight, ChannelOrder ChannelOrder, IReadOnlyList<float> Mean, IReadOnlyList<float> Scale,
    IReadOnlyList<string> Levels, PooledSource Pooled, bool WeightChannels, string Sha256, string Licence, string Origin,
    int Aggregate = 1, IReadOnlyList<float>? LevelScales = null)
{
    internal const int LargestInput = 4096;
    public const int LargestAggregate = 15;

    /// <summary>Hex SHA-256 of everything that affects the features: the network's digest and the normalisation.</summary>
    public string FeatureDigest()
    {
        static string Numbers(IReadOnlyList<float> values)
            => string.Join(",", values.Select(v => v.ToString("R", CultureInfo.InvariantCulture)));
        string canonical = string.Join('\n', "spade-features-1", Sha256.ToLowerInvariant(), $"{InputWidth}x{InputHeight}", ChannelOrder,
            Numbers(Mean), Numbers(Scale),
            string.Join(",", Levels), Pooled.Output is null ? $"mean-of:{Pooled.MeanOf}" : $"output:{Pooled.Output}");
        if (Aggregate != 1) canonical += $"\naggregate:{Aggregate}"; // models made before this field existed keep their digest
        if (LevelScales is not null) canonical += $"\nlevel-scales:{Numbers(LevelScales)}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)));
    }

    /// <exception cref="SpadeException">InvalidArgument: a field is missing or invalid.</exception>
    internal void Validate(string source)
    {
        if (string.IsNullOrWhiteSpace(Name)) throw Bad("name", "is missing");
        if (InputWidth is < 1 or > LargestInput || InputHeight is < 1 or > LargestInput) throw Bad("inputWidth/inputHeight",
            $"must be 1 to {LargestInput}");
        if (Mean is not { Count: 3 } || !Mean.All(float.IsFinite)) throw Bad("mean", "must be three numbers");
        if (Scale is not { Count: 3 } || !Scale.All(s => float.IsFinite(s) && s > 0)) throw Bad("scale", "must be three positive numbers");
        if (Levels is not { Count: > 0 } || Levels.Any(string.IsNullOrEmpty)
            || Levels.Distinct().Count() != Levels.Count) throw Bad("levels", "must name one or more different graph outputs");
        if (Pooled is null || (Pooled.Output is null) == (Pooled.MeanOf is null)) throw Bad("pooled",
            "must be either {\"output\": name} or {\"meanOf\": level}");
        if (Pooled.MeanOf is { } level && !Levels.Contains(level)) throw Bad("pooled",
            $"is the mean of '{level}', which is not among the levels");
        if (Aggregate is < 1 or > LargestAggregate || Aggregate % 2 == 0) throw Bad("aggregate",
            $"must be an odd number from 1 to {LargestAggregate}");
        if (LevelScales is not null && (LevelScales.Count != Levels.Count || !LevelScales.All(s => float.IsFinite(s) && s > 0)))
            throw Bad("levelScales", "must be a positive number for each level");
        if (Sha256 is not { Length: 64 } || !Sha256.All(char.IsAsciiHexDigit)) throw Bad("sha256", "must be 64 hexadecimal digits");

        SpadeException Bad(string field, string problem) => new(SpadeError.InvalidArgument, $"{source}: \"{field}\" {problem}");
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectRequiredConstructorParameters = false, AllowTrailingCommas = true)]
[JsonSerializable(typeof(ModelManifest))]
internal sealed partial class ModelManifestJson : JsonSerializerContext;
