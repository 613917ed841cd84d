using System.Text.Json;
using System.Text.Json.Serialization;

namespace SpadeCluster.Galleries;

/// <summary>Ids as 16 hexadecimal digits.</summary>
public sealed class ImageIdJsonConverter : JsonConverter<ImageId>
{
    public override ImageId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => ImageId.TryParse(reader.GetString() ?? "", out var id) ? id : throw new JsonException("not an image id");

    public override void Write(Utf8JsonWriter writer, ImageId value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
