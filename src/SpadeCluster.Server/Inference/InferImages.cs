using System.Buffers.Binary;
using System.Text.Json;
using SpadeCluster.Features;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.Inference;

/// <summary>
/// The input tensor <c>image</c>: UINT8 of shape [height, width, 3] or [n, height, width, 3], RGB; or BYTES of shape [n], each
/// an image file. Values come in JSON (files in base64) or, by the binary extension, as bytes after it (each file after its length, 4 bytes
/// little-endian).
/// </summary>
internal static class InferImages
{
    /// <exception cref="SpadeException">InvalidArgument: another tensor, or values that do not fill its shape.</exception>
    public static IReadOnlyList<SentImage> Read(InferTensor input, ReadOnlySpan<byte> binary, int most)
    {
        if (input.Name != "image") throw Invalid($"the input is called 'image', not '{SentImage.Harmless(input.Name, "")}'");
        long[] shape = input.Shape ?? [];
        if (shape.Any(n => n is < 1 or > int.MaxValue)) throw Invalid("a tensor's shape has whole numbers above 0");
        return input.Datatype switch
        {
            "BYTES" when shape.Length is 1 or 2 && shape.Aggregate(1L, (a, b) => a * b) is var n && n <= most =>
                Files(input, binary, (int)n),
            "UINT8" when shape.Length == 3 && shape[2] == 3 => Pixels(input, binary, 1, shape[0], shape[1]),
            "UINT8" when shape.Length == 4 && shape[3] == 3 && shape[0] <= most => Pixels(input, binary, shape[0], shape[1], shape[2]),
            _ => throw Invalid($"'image' is UINT8 of shape [height, width, 3] or [n, height, width, 3], or BYTES of shape [n] with "
            + $"image files; at most {most} at once"),
        };
    }

    private static List<SentImage> Files(InferTensor input, ReadOnlySpan<byte> binary, int count)
    {
        var files = new List<SentImage>(count);
        if (input.Data is { } data)
        {
            foreach (var value in Elements(data))
                files.Add(new SentImage($"image {files.Count + 1}", value.ValueKind == JsonValueKind.String
                    && value.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : throw Invalid("BYTES in JSON are image files in base64")));
        }
        else
        {
            while (binary.Length >= 4)
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(binary);
                if (length > binary.Length - 4) throw Invalid("a file's length exceeds what was sent");
                files.Add(new SentImage($"image {files.Count + 1}", binary.Slice(4, (int)length).ToArray()));
                binary = binary[(4 + (int)length)..];
            }
        }
        return files.Count == count ? files : throw Invalid($"the shape has {count} files, but {files.Count} were sent");
    }

    private static List<SentImage> Pixels(InferTensor input, ReadOnlySpan<byte> binary, long count, long height, long width)
    {
        SpadeCluster.Imaging.ImageLimits.Default.CheckSize(width, height);
        int size = checked((int)(3 * width * height));
        byte[] pixels = input.Data is { } data ? [.. Elements(data).Select(Byte)] : binary.ToArray();
        if (pixels.LongLength != count * size) throw Invalid($"the shape has {count * size} values, but {pixels.LongLength} were sent");
        return [.. Enumerable.Range(0, (int)count).Select(i => Frame($"image {i + 1}", pixels.AsMemory(i * size, size)))];

        SentImage Frame(string name, ReadOnlyMemory<byte> frame) =>
            new(name, new RawImage(name, RawFormat.Rgb8, (int)width, (int)height, frame).Pack());

        static byte Byte(JsonElement e) =>
            e.ValueKind == JsonValueKind.Number && e.TryGetByte(out byte value)
            ? value : throw Invalid("UINT8 values are whole numbers from 0 to 255");
    }

    /// <summary>Values of a flat or nested array; both are allowed.</summary>
    private static IEnumerable<JsonElement> Elements(JsonElement data)
        => data.ValueKind == JsonValueKind.Array ? data.EnumerateArray().SelectMany(Elements) : [data];

    internal static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
