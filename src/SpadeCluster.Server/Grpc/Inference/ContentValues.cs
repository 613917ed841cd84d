using OpenInference.V2;
using SpadeCluster.Server.Inference;

namespace SpadeCluster.Server.Grpc.Inference;

/// <summary>Values in a message's typed fields.</summary>
internal sealed class ContentValues(InferTensorContents? contents) : ITensorValues
{
    public IEnumerable<byte[]> Files() => (contents?.BytesContents ?? []).Select(f => f.ToByteArray());

    public ReadOnlyMemory<byte> Pixels() => (contents?.UintContents ?? []).Select(v => v <= byte.MaxValue ? (byte)v
        : throw InferImages.Invalid("UINT8 values are whole numbers from 0 to 255")).ToArray();
}
