using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Format;

/// <summary>
/// A version's manifest as a file: one line "SPADE-GALLERY 1 HASH", where HASH is the hex SHA-256 of the rest, then JSON.
/// </summary>
internal static class ManifestFile
{
    private const string Signature = "SPADE-GALLERY", Format = "1";

    public static byte[] Write(GalleryManifest manifest)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJson.Default.GalleryManifest);
        return [.. Encoding.ASCII.GetBytes($"{Signature} {Format} {Convert.ToHexStringLower(SHA256.HashData(json))}\n"), .. json];
    }

    /// <param name="where">Names the manifest in errors.</param>
    /// <exception cref="SpadeException">DataLoss: damaged, or of another category or version. FailedPrecondition: another
    /// format.</exception>
    public static GalleryManifest Parse(byte[] file, string category, int version, string where)
    {
        int end = file.AsSpan().IndexOf((byte)'\n');
        string[] line = end is > 0 and < 128 ? Encoding.ASCII.GetString(file, 0, end).Split(' ') : [];
        if (line.Length != 3 || line[0] != Signature) throw Damaged(where);
        if (line[1] != Format)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"{where} has format {line[1]}, this program reads {Format}: use the program that wrote it, or restore it from a backup "
                + $"if it is damaged");
        var json = file.AsSpan(end + 1);
        if (Convert.ToHexStringLower(SHA256.HashData(json)) != line[2]) throw Damaged(where);
        try
        {
            var manifest = JsonSerializer.Deserialize(json, ManifestJson.Default.GalleryManifest) ?? throw Damaged(where);
            return (manifest.Category, manifest.Version) == (category, version) ? manifest
                : throw new SpadeException(SpadeError.DataLoss,
                    $"{where} belongs to version {manifest.Version} of '{manifest.Category}': restore the right one from a backup");
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.DataLoss, $"{where} is not a gallery manifest: {e.Message}", e);
        }
    }

    /// <summary>The digest of a manifest's model, without reading and checking the rest, which takes more than a tenth of a second in a
    /// process that has just started.</summary>
    /// <returns>Null: not found.</returns>
    public static string? ModelDigest(ReadOnlySpan<byte> file)
    {
        var json = new Utf8JsonReader(file[(file.IndexOf((byte)'\n') + 1)..]);
        try
        {
            bool model = false;
            while (json.Read())
            {
                if (json.TokenType != JsonTokenType.PropertyName) continue;
                if (json.CurrentDepth == 1) model = json.ValueTextEquals("model"u8);
                else if (model && json.CurrentDepth == 2 && json.ValueTextEquals("digest"u8))
                    return json.Read() && json.TokenType == JsonTokenType.String ? Encoding.ASCII.GetString(json.ValueSpan) : null;
            }
        }
        catch (JsonException)
        {
            // Reading the whole manifest says what is wrong.
        }
        return null;
    }

    private static SpadeException Damaged(string where)
        => new(SpadeError.DataLoss,
            $"{where} is damaged: its checksum is wrong; restore it from a backup, or roll back to another version");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    UseStringEnumConverter = true, Converters = [typeof(ImageIdJsonConverter)],
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(GalleryManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
