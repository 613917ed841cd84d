using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.Inference;

/// <summary>A photograph of a request: scored, or the reason why it could not be.</summary>
internal readonly record struct InferredImage(ScoredImage? Scored, string? Problem);

/// <summary>An output tensor.</summary>
/// <param name="Values">float[] for FP32, bool[] for BOOL, string[] for BYTES.</param>
internal sealed record OutputTensor(string Name, string Datatype, long[] Shape, Array Values)
{
    /// <summary>Little-endian; each string after its length in four bytes.</summary>
    public byte[] ToBytes() => Values switch
    {
        float[] numbers => MemoryMarshal.AsBytes<float>(numbers).ToArray(),
        bool[] truths => MemoryMarshal.AsBytes<bool>(truths).ToArray(),
        _ => [.. ((string[])Values).Select(Encoding.UTF8.GetBytes).SelectMany(Prefixed)],
    };

    /// <summary>JSON has no NaN: null.</summary>
    public JsonNode? ToJson() => Values is float[] numbers && numbers.Any(float.IsNaN)
        ? JsonSerializer.SerializeToNode(numbers.Select(n => float.IsNaN(n) ? (float?)null : n).ToArray())
        : JsonSerializer.SerializeToNode(Values, Values.GetType());

    private static byte[] Prefixed(byte[] text)
    {
        byte[] all = new byte[4 + text.Length];
        BinaryPrimitives.WriteInt32LittleEndian(all, text.Length);
        text.CopyTo(all, 4);
        return all;
    }
}

/// <summary>
/// The output tensors. A photograph that could not be scored has a reason in <c>error</c>, no score (NaN), the verdict
/// "error", and counts as anomalous, so that no client takes it for a good part.
/// </summary>
internal static class InferOutputs
{
    public const string Error = "error";

    /// <summary>The map is large, and errors of single photographs need a client that reads them: both are sent only if
    /// requested.</summary>
    public static IReadOnlyList<string> Default { get; } = ["anomaly_score", "verdict", "is_anomalous"];

    /// <param name="map">Shape of a map: -1, height, width.</param>
    public static IReadOnlyList<TensorDescription> Describe(IReadOnlyList<long> map) =>
    [
        new("anomaly_score", "FP32", [-1]), new("verdict", "BYTES", [-1]), new("is_anomalous", "BOOL", [-1]),
        new("anomaly_map", "FP32", map), new(Error, "BYTES", [-1]),
    ];

    /// <exception cref="SpadeException">InvalidArgument: there is no such output.</exception>
    public static void Check(string output)
    {
        if (!Describe([]).Any(o => o.Name == output))
            throw InferImages.Invalid($"there is no output '{SentImage.Harmless(output, "")}': "
                + string.Join(", ", Describe([]).Select(o => o.Name)));
    }

    /// <param name="images">At least one of them is scored.</param>
    /// <exception cref="SpadeException">InvalidArgument: maps of different sizes.</exception>
    public static OutputTensor Of(string output, IReadOnlyList<InferredImage> images) => output switch
    {
        "anomaly_score" => new(output, "FP32", [images.Count],
            images.Select(i => (float)(i.Scored?.Result.NormalisedScore ?? double.NaN)).ToArray()),
        "verdict" => new(output, "BYTES", [images.Count],
            images.Select(i => i.Scored?.Result.Verdict!.Value.ToString().ToLowerInvariant() ?? Error).ToArray()),
        "is_anomalous" => new(output, "BOOL", [images.Count], images.Select(i => i.Scored is not { } s || s.Result.Anomalous == true)
            .ToArray()),
        Error => new(output, "BYTES", [images.Count], images.Select(i => i.Problem ?? "").ToArray()),
        _ => Map(output, images),
    };

    private static OutputTensor Map(string output, IReadOnlyList<InferredImage> images)
    {
        var sizes = images.Where(i => i.Scored is not null).Select(i => i.Scored!.Prepared.Input)
            .Select(i => (i.Width, i.Height)).Distinct().ToArray();
        if (sizes is not [var (width, height)])
            throw InferImages.Invalid("photographs of these proportions have maps of different sizes: send one at a time");
        float[] values = new float[images.Count * width * height];
        for (int i = 0; i < images.Count; i++)
        {
            var target = values.AsSpan(i * width * height, width * height);
            if (images[i].Scored is null) target.Fill(float.NaN);
            else images[i].Scored!.Result.Map?.Values.CopyTo(target);
        }
        return new(output, "FP32", [images.Count, height, width], values);
    }
}
