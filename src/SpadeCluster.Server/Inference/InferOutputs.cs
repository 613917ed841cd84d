using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using SpadeCluster.Features;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.Inference;

/// <summary>What the outputs say of a photograph. A scored image has much more, which would be much memory for a batch.</summary>
/// <param name="Size">Of its map; null: it could not be scored.</param>
/// <param name="Map">Null: not requested, or the gate did not localise the image.</param>
/// <param name="Problem">Why it could not be scored; empty: it was.</param>
internal sealed record InferredImage(double Score, string Verdict, bool Anomalous, (int Width, int Height)? Size, AnomalyMap? Map,
    string Problem)
{
    public static InferredImage Failed(string problem) => new(double.NaN, InferOutputs.Error, true, null, null, problem);

    /// <param name="scored">Scored with thresholds.</param>
    /// <param name="map">Whether the map is requested.</param>
    public static InferredImage Of(ScoredImage scored, bool map) => new(scored.Result.NormalisedScore!.Value,
        scored.Result.Verdict!.Value.ToString().ToLowerInvariant(), scored.Result.Anomalous == true,
        (scored.Prepared.Input.Width, scored.Prepared.Input.Height), map ? scored.Result.Map : null, "");
}

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
    public const string Error = "error", Map = "anomaly_map";

    /// <summary>The map is large, and errors of single photographs need a client that reads them: both are sent only if
    /// requested.</summary>
    public static IReadOnlyList<string> Default { get; } = ["anomaly_score", "verdict", "is_anomalous"];

    /// <param name="map">Shape of a map: -1, height, width.</param>
    public static IReadOnlyList<TensorDescription> Describe(IReadOnlyList<long> map) =>
    [
        new("anomaly_score", "FP32", [-1]), new("verdict", "BYTES", [-1]), new("is_anomalous", "BOOL", [-1]),
        new(Map, "FP32", map), new(Error, "BYTES", [-1]),
    ];

    /// <summary>Checks the requested outputs before any photograph is scored.</summary>
    /// <param name="images">Number of photographs.</param>
    /// <param name="tiles">The grid that is searched: a map has a value for each of its pixels, or fewer.</param>
    /// <param name="mostBytes">Largest size of all maps together; one map is always possible.</param>
    /// <exception cref="SpadeException">InvalidArgument: an output that does not exist, or is named twice. ResourceExhausted: the maps are
    /// too large.</exception>
    public static void Check(IReadOnlyList<string> outputs, int images, TileGrid tiles, long mostBytes)
    {
        foreach (string output in outputs) Check(output);
        // Each output is an array of its own, and a request has room for a million names.
        if (outputs.Distinct().Count() < outputs.Count) throw InferImages.Invalid("an output is named twice: name each once");
        long most = Math.Max(1, mostBytes / (4L * tiles.Width * tiles.Height));
        if (outputs.Contains(Map) && images > most)
            throw new SpadeException(SpadeError.ResourceExhausted, $"the maps of {images} photographs are larger than this server's limit "
                + $"of a body: request '{Map}' for at most {most} at once");
    }

    private static void Check(string output)
    {
        if (!Describe([]).Any(o => o.Name == output))
            throw InferImages.Invalid($"there is no output '{SentImage.Harmless(output, "")}': "
                + string.Join(", ", Describe([]).Select(o => o.Name)));
    }

    /// <param name="images">At least one of them is scored.</param>
    /// <exception cref="SpadeException">InvalidArgument: maps of different sizes.</exception>
    public static OutputTensor Of(string output, IReadOnlyList<InferredImage> images) => output switch
    {
        "anomaly_score" => new(output, "FP32", [images.Count], images.Select(i => (float)i.Score).ToArray()),
        "verdict" => new(output, "BYTES", [images.Count], images.Select(i => i.Verdict).ToArray()),
        "is_anomalous" => new(output, "BOOL", [images.Count], images.Select(i => i.Anomalous).ToArray()),
        Error => new(output, "BYTES", [images.Count], images.Select(i => i.Problem).ToArray()),
        _ => Maps(output, images),
    };

    private static OutputTensor Maps(string output, IReadOnlyList<InferredImage> images)
    {
        var sizes = images.Select(i => i.Size).OfType<(int Width, int Height)>().Distinct().ToArray();
        if (sizes is not [var (width, height)])
            throw InferImages.Invalid("photographs of these proportions have maps of different sizes: send one at a time");
        float[] values = new float[images.Count * width * height];
        for (int i = 0; i < images.Count; i++)
        {
            var target = values.AsSpan(i * width * height, width * height);
            if (images[i].Size is null) target.Fill(float.NaN);
            else images[i].Map?.Values.CopyTo(target);
        }
        return new(output, "FP32", [images.Count, height, width], values);
    }
}
