using System.Buffers.Binary;
using System.Text.Json;

namespace SpadeCluster.Server.Inference;

/// <summary>The values of an input tensor in one of the protocol's forms.</summary>
internal interface ITensorValues
{
    /// <summary>The elements of a BYTES tensor.</summary>
    IEnumerable<byte[]> Files();

    /// <summary>The elements of a UINT8 tensor.</summary>
    ReadOnlyMemory<byte> Pixels();
}

/// <summary>Values in JSON, in a flat or nested array; files in base64.</summary>
internal sealed class JsonValues(JsonElement data) : ITensorValues
{
    public IEnumerable<byte[]> Files() => Elements(data).Select(e =>
        e.ValueKind == JsonValueKind.String && e.TryGetBytesFromBase64(out byte[]? file)
        ? file : throw InferImages.Invalid("BYTES in JSON are image files in base64"));

    public ReadOnlyMemory<byte> Pixels() => Elements(data).Select(e => e.ValueKind == JsonValueKind.Number && e.TryGetByte(out byte value)
        ? value : throw InferImages.Invalid("UINT8 values are whole numbers from 0 to 255")).ToArray();

    private static IEnumerable<JsonElement> Elements(JsonElement data)
        => data.ValueKind == JsonValueKind.Array ? data.EnumerateArray().SelectMany(Elements) : [data];
}

/// <summary>Values as bytes; each file after its length, 4 bytes little-endian.</summary>
internal sealed class BinaryValues(ReadOnlyMemory<byte> bytes) : ITensorValues
{
    public IEnumerable<byte[]> Files()
    {
        for (var rest = bytes; rest.Length >= 4;)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest.Span);
            if (length > rest.Length - 4) throw InferImages.Invalid("a file's length exceeds what was sent");
            yield return rest.Slice(4, (int)length).ToArray();
            rest = rest[(4 + (int)length)..];
        }
    }

    public ReadOnlyMemory<byte> Pixels() => bytes;
}
