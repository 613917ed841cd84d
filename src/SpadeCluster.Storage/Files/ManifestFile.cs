using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// A version's manifest as a file: one line "SPADE-GALLERY 1 HASH", HASH being the hex SHA-256 of what follows, then JSON.
/// </summary>
internal static class ManifestFile
{
    private const string Signature = "SPADE-GALLERY", Format = "1";

    public static byte[] Write(GalleryManifest manifest)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJson.Default.GalleryManifest);
        return [.. Encoding.ASCII.GetBytes($"{Signature} {Format} {Convert.ToHexStringLower(SHA256.HashData(json))}\n"), .. json];
    }

    /// <exception cref="SpadeException">DataLoss: missing or damaged. FailedPrecondition: a later format.</exception>
    public static GalleryManifest Read(string path)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.DataLoss, $"'{path}' is missing: restore it from a backup", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.Unavailable, $"'{path}' could not be read: {e.Message}", e);
        }
        int end = file.AsSpan().IndexOf((byte)'\n');
        string[] line = end is > 0 and < 128 ? Encoding.ASCII.GetString(file, 0, end).Split(' ') : [];
        if (line.Length != 3 || line[0] != Signature) throw Damaged(path);
        if (line[1] != Format) throw new SpadeException(SpadeError.FailedPrecondition, $"'{path}' has format {line[1]}, this program reads {Format}: use a newer one");
        var json = file.AsSpan(end + 1);
        if (Convert.ToHexStringLower(SHA256.HashData(json)) != line[2]) throw Damaged(path);
        try
        {
            return JsonSerializer.Deserialize(json, ManifestJson.Default.GalleryManifest) ?? throw Damaged(path);
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.DataLoss, $"'{path}' is not a gallery manifest: {e.Message}", e);
        }
    }

    private static SpadeException Damaged(string path) => new(SpadeError.DataLoss, $"'{path}' is damaged: its checksum does not hold; restore it from a backup");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UseStringEnumConverter = true,
    Converters = [typeof(ImageIdJsonConverter)], UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(GalleryManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;

internal sealed class ImageIdJsonConverter : JsonConverter<ImageId>
{
    public override ImageId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => ImageId.TryParse(reader.GetString() ?? "", out var id) ? id : throw new JsonException("not an image id");

    public override void Write(Utf8JsonWriter writer, ImageId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
