using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace SpadeCluster.Server.Security;

/// <summary>A stored key, without its secret, of which only a hash is stored.</summary>
/// <param name="Categories">The categories it is limited to; empty: all.</param>
/// <param name="Used">When it was last used, to the minute; null: never.</param>
public sealed record ApiKey(string Id, string Name, Role Role, IReadOnlyList<string> Categories, DateTimeOffset Created,
    DateTimeOffset? Expires, DateTimeOffset? Revoked, DateTimeOffset? Used = null)
{
    public bool Valid(DateTimeOffset now) => Revoked is null && (Expires is null || now < Expires);
}

/// <summary>
/// The text a client sends: <c>spade_ID_SECRET</c>. The secret is 256 random bits, which cannot be guessed, so a single SHA-256 is as safe
/// as a slow password hash.
/// </summary>
public sealed record ApiKeyText(string Id, byte[] Hash)
{
    private const string Prefix = "spade_";
    private const int IdBytes = 6, SecretBytes = 32, MaxLength = 80;

    public static (string Text, ApiKeyText Key) Create()
    {
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        string secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        return ($"{Prefix}{id}_{secret}", new ApiKeyText(id, HashOf(secret)));
    }

    /// <summary>Null if the text is not a key.</summary>
    public static ApiKeyText? Parse(string text)
    {
        int secret = Prefix.Length + 2 * IdBytes + 1;
        return text.Length is > 20 and <= MaxLength && text.StartsWith(Prefix, StringComparison.Ordinal) && text.Length > secret
            && text[secret - 1] == '_'
            ? new ApiKeyText(text[Prefix.Length..(secret - 1)], HashOf(text[secret..])) : null;
    }

    private static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
