using SpadeCluster.Server.Security;

namespace SpadeCluster.Cli.Output;

/// <summary>A key as JSON.</summary>
/// <param name="Categories">Empty: all.</param>
/// <param name="Key">The secret; only for a key that has just been created.</param>
internal sealed record KeyRow(string Id, string Name, string Role, IReadOnlyList<string> Categories, DateTimeOffset Created,
    DateTimeOffset? Expires, DateTimeOffset? Revoked, DateTimeOffset? Used, bool Valid, string? Key = null)
{
    public static KeyRow Of(ApiKey key) =>
        new(key.Id, key.Name, key.Role.ToString().ToLowerInvariant(), [.. key.Categories], key.Created, key.Expires, key.Revoked, key.Used,
            key.Valid(DateTimeOffset.UtcNow));
}
