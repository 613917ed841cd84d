using System.Text.Json;
using System.Text.Json.Serialization;
using SpadeCluster.Features;

namespace SpadeCluster.Server.Inference;

/// <summary>The protocol's tensors and requests; names are the protocol's.</summary>
internal sealed record InferTensor(string Name, long[]? Shape = null, string? Datatype = null, JsonElement? Data = null,
    InferParameters? Parameters = null);

/// <summary>Parameters of a tensor or of a request; a request's may be metadata of its photographs.</summary>
internal sealed record InferParameters([property: JsonPropertyName("binary_data_size")] long? BinaryDataSize = null,
    [property: JsonPropertyName("binary_data")] bool? BinaryData = null,
    [property: JsonPropertyName("binary_data_output")] bool? BinaryDataOutput = null,
    string? Line = null, string? SerialNumber = null, string? Batch = null, string? Shift = null, string? Operator = null)
{
    public ImageMetadata Metadata => new(Line, SerialNumber, Batch, Shift, Operator);
}

internal sealed record InferRequest(IReadOnlyList<InferTensor> Inputs, string? Id = null,
    IReadOnlyList<InferTensor>? Outputs = null, InferParameters? Parameters = null);

/// <param name="Id">As in the request.</param>
internal sealed record InferAnswer(string ModelName, string ModelVersion, string? Id, IReadOnlyList<InferTensor> Outputs);

internal sealed record ServerLiveness(bool Live);

/// <param name="Reasons">One sentence for each problem.</param>
internal sealed record ServerReadiness(bool Ready, IReadOnlyList<string> Reasons);

internal sealed record ServerDescription(string Name, string Version, IReadOnlyList<string> Extensions);

internal sealed record ModelDescription(string Name, IReadOnlyList<string> Versions, string Platform,
    IReadOnlyList<TensorDescription> Inputs, IReadOnlyList<TensorDescription> Outputs);

/// <param name="Shape">-1: any size.</param>
internal sealed record TensorDescription(string Name, string Datatype, IReadOnlyList<long> Shape);

internal sealed record ModelReadiness(string Name, bool Ready);

/// <param name="Ready">Only models that are ready.</param>
internal sealed record IndexRequest(bool Ready = false);

/// <param name="State">READY or UNAVAILABLE.</param>
internal sealed record ModelState(string Name, string Version, string State, string Reason);

internal sealed record StatisticsAnswer(IReadOnlyList<ModelStatistics> ModelStats);

/// <summary>A model's decisions since the server's start, over all protocols and versions.</summary>
/// <param name="LastInference">Milliseconds since 1970; 0: none.</param>
internal sealed record ModelStatistics(string Name, string Version, long LastInference, long InferenceCount, long ExecutionCount,
    InferStatistics InferenceStats);

internal sealed record InferStatistics(StatisticDuration Success, StatisticDuration Fail, StatisticDuration Queue,
    StatisticDuration ComputeInput, StatisticDuration ComputeInfer, StatisticDuration ComputeOutput);

/// <param name="Ns">Nanoseconds, the sum of all.</param>
internal sealed record StatisticDuration(long Count, long Ns);
