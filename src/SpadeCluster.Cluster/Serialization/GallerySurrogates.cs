using System.Text.Json;
using System.Text.Json.Serialization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Serialization;

/// <summary>Types that are sent rarely are serialised as JSON, which needs no second schema.</summary>
[GenerateSerializer, Alias("spade.json"), Immutable]
internal struct JsonSurrogate
{
    [Id(0)] public byte[] Json;
}

[RegisterConverter]
internal sealed class CompactionReportConverter : IConverter<CompactionReport, JsonSurrogate>
{
    public CompactionReport ConvertFromSurrogate(in JsonSurrogate surrogate)
        => JsonSerializer.Deserialize(surrogate.Json, GalleryJson.Default.CompactionReport)!;

    public JsonSurrogate ConvertToSurrogate(in CompactionReport value)
        => new() { Json = JsonSerializer.SerializeToUtf8Bytes(value, GalleryJson.Default.CompactionReport) };
}

/// <summary>A manifest without its usual distances, which are many megabytes and needed for searches only.</summary>
[RegisterConverter]
internal sealed class ManifestConverter : IConverter<GalleryManifest, JsonSurrogate>
{
    public GalleryManifest ConvertFromSurrogate(in JsonSurrogate surrogate)
        => JsonSerializer.Deserialize(surrogate.Json, GalleryJson.Default.GalleryManifest)!;

    public JsonSurrogate ConvertToSurrogate(in GalleryManifest value)
    {
        var sent = value.Calibration is { } c ? value with { Calibration = c with { Usual = null } } : value;
        return new() { Json = JsonSerializer.SerializeToUtf8Bytes(sent, GalleryJson.Default.GalleryManifest) };
    }
}

[RegisterConverter]
internal sealed class GalleryVersionConverter : IConverter<GalleryVersion, JsonSurrogate>
{
    public GalleryVersion ConvertFromSurrogate(in JsonSurrogate surrogate)
        => JsonSerializer.Deserialize(surrogate.Json, GalleryJson.Default.GalleryVersion)!;

    public JsonSurrogate ConvertToSurrogate(in GalleryVersion value)
        => new() { Json = JsonSerializer.SerializeToUtf8Bytes(value, GalleryJson.Default.GalleryVersion) };
}

[RegisterConverter]
internal sealed class DeletedCategoryConverter : IConverter<DeletedCategory, JsonSurrogate>
{
    public DeletedCategory ConvertFromSurrogate(in JsonSurrogate surrogate)
        => JsonSerializer.Deserialize(surrogate.Json, GalleryJson.Default.DeletedCategory)!;

    public JsonSurrogate ConvertToSurrogate(in DeletedCategory value)
        => new() { Json = JsonSerializer.SerializeToUtf8Bytes(value, GalleryJson.Default.DeletedCategory) };
}

[JsonSourceGenerationOptions(Converters = [typeof(ImageIdJsonConverter)])]
[JsonSerializable(typeof(CompactionReport))]
[JsonSerializable(typeof(GalleryManifest))]
[JsonSerializable(typeof(GalleryVersion))]
[JsonSerializable(typeof(DeletedCategory))]
internal sealed partial class GalleryJson : JsonSerializerContext;
