using System.Text.Json;
using System.Text.Json.Serialization;

namespace SpadeCluster.Server.Inference;

/// <summary>The protocol's tensors and requests; names are the protocol's.</summary>
internal sealed record InferTensor(string Name, long[]? Shape, string? Datatype, JsonElement? Data, InferParameters? Parameters);

internal sealed record InferParameters([property: JsonPropertyName("binary_data_size")] long? BinaryDataSize = null,
    [property: JsonPropertyName("binary_data")] bool? BinaryData = null,
    [property: JsonPropertyName("binary_data_output")] bool? BinaryDataOutput = null);

internal sealed record InferRequest(string? Id, IReadOnlyList<InferTensor>? Inputs, IReadOnlyList<InferTensor>? Outputs,
    InferParameters? Parameters);
