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
/// <see cref="MeanOf"/>, or the class token of the level <see cref="ClassOf"/>. Exactly one is given.</summary>
public sealed record PooledSource(string? Output = null, string? MeanOf = null, string? ClassOf = null);

/// <summary>The levels of a vision transformer, tokens [N, T, C]: a class token, then registers, then the cells row by row (Dosovitskiy et
/// al., "An Image is Worth 16x16 Words", 2021; Darcet et al., "Vision Transformers Need Registers", 2024).</summary>
/// <param name="Patch">Pixels of the input that a cell covers in each direction.</param>
/// <param name="Class">Whether there is a class token.</param>
/// <param name="Registers">Number of register tokens.</param>
public sealed record TokenLayout(int Patch, bool Class = true, int Registers = 0)
{
    /// <summary>Tokens before the first cell.</summary>
    [JsonIgnore]
    public int Leading => (Class ? 1 : 0) + Registers;
}

/// <summary>
/// The content of <c>model.json</c>, which describes <c>model.onnx</c>. The network's input is (pixel - mean) / scale per channel, pixels
/// from 0 to 255, with channels, means and scales in <see cref="ChannelOrder"/>.
/// </summary>
/// <param name="Levels">Graph outputs that form the pyramid, finest first: [N, C, H, W], or with <paramref name="Tokens"/>
/// [N, T, C].</param>
/// <param name="Sha256">Hex SHA-256 of model.onnx.</param>
/// <param name="WeightChannels">See <see cref="Features.FeatureModel.WeightChannels"/>.</param>
/// <param name="Aggregate">Each cell of a level becomes the mean over the Aggregate x Aggregate cells around it, without those outside the
/// level: locally aware features (Roth et al., "Towards Total Recall in Industrial Anomaly Detection", 2022, section 3.1). Odd; 1: no
/// averaging. The pooled feature is taken before it.</param>
/// <param name="LevelScales">Factor of each level's values, so that a level with large variance does not dominate the sum of squared
/// distances; null: 1. The pooled feature is taken before it.</param>
/// <param name="Tokens">Of a vision transformer; null: levels are maps.</param>
public sealed record ModelManifest(
    string Name, int InputWidth, int InputHeight, ChannelOrder ChannelOrder, IReadOnlyList<float> Mean, IReadOnlyList<float> Scale,
    IReadOnlyList<string> Levels, PooledSource Pooled, bool WeightChannels, string Sha256, string Licence, string Origin,
    int Aggregate = 1, IReadOnlyList<float>? LevelScales = null, TokenLayout? Tokens = null)
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
            string.Join(",", Levels), Pooled switch
            {
                { Output: { } output } => $"output:{output}",
                { ClassOf: { } level } => $"class-of:{level}",
                _ => $"mean-of:{Pooled.MeanOf}",
            });
        if (Aggregate != 1) canonical += $"\naggregate:{Aggregate}"; // models made before this field existed keep their digest
        if (LevelScales is not null) canonical += $"\nlevel-scales:{Numbers(LevelScales)}";
        if (Tokens is { } t) canonical += string.Create(CultureInfo.InvariantCulture, $"\ntokens:{t.Patch},{t.Class},{t.Registers}");
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
        if (Pooled is null || new[] { Pooled.Output, Pooled.MeanOf, Pooled.ClassOf }.Count(p => p is not null) != 1) throw Bad("pooled",
            "must be one of {\"output\": name}, {\"meanOf\": level} and, for tokens, {\"classOf\": level}");
        if ((Pooled.MeanOf ?? Pooled.ClassOf) is { } level && !Levels.Contains(level)) throw Bad("pooled",
            $"is taken from '{level}', which is not among the levels");
        if (Pooled.ClassOf is not null && Tokens is not { Class: true }) throw Bad("pooled",
            "is the class token, which needs \"tokens\" with a class token");
        if (Tokens is { } t && (t.Patch < 1 || InputWidth % t.Patch != 0 || InputHeight % t.Patch != 0)) throw Bad("tokens",
            $"patch must divide the input, {InputWidth}x{InputHeight}, not be {t.Patch}");
        if (Tokens is { Registers: < 0 }) throw Bad("tokens", "registers must be 0 or more");
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
