using System.Collections.Concurrent;
using System.Data.Common;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>Keys in the server's database. 'spade key' writes there while the server runs, so a revoked key ends at once.</summary>
public sealed class ApiKeyStore(ServerDatabase database, TimeProvider clock)
{
    public const int MaxName = 64;
    private const string Columns = "id, name, role, categories, created, expires, revoked, used FROM keys";

    private readonly ConcurrentDictionary<string, long> _used = new(StringComparer.Ordinal);

    /// <returns>The key's text, which is shown only once and not stored.</returns>
    /// <exception cref="SpadeException">InvalidArgument: no name, an invalid category name, or an expiry in the past.</exception>
    public async Task<(string Text, ApiKey Key)> CreateAsync(string name, Role role, IReadOnlyList<string> categories,
        DateTimeOffset? expires = null)
    {
        if (name.Length is 0 or > MaxName || name.Any(char.IsControl))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"a key needs a name of 1 to {MaxName} printable characters, for example the name of its user");
        if (expires <= clock.GetUtcNow())
            throw new SpadeException(SpadeError.InvalidArgument, $"a key that expired {expires:u} is of no use: let it expire later");
        foreach (string category in categories) CategoryName.Check(category);
        var (text, parsed) = ApiKeyText.Create();
        var key = new ApiKey(parsed.Id, name, role, categories, clock.GetUtcNow(), expires, null);
        await database.WriteAsync(c =>
            c.Execute("INSERT INTO keys (id, name, hash, role, categories, created, expires) VALUES ($id, $name, $hash, $role, "
            + "$categories, $created, $expires)",
            ("$id", key.Id), ("$name", name), ("$hash", parsed.Hash), ("$role", role.ToString()),
            ("$categories", string.Join(',', categories)), ("$created", key.Created), ("$expires", expires)));
        return (text, key);
    }

    /// <summary>Stores a person who signed in at an OpenID Connect provider as a key that cannot be sent. Name, role and categories are
    /// those that the provider states now; the key expires after the longest session unless the person signs in again.</summary>
    /// <returns>Null: it was revoked here, which overrides the provider.</returns>
    public async Task<ApiKey?> AdmitAsync(string issuer, string subject, string name, Role role, IReadOnlyList<string> categories)
    {
        // Ids of other keys never have this form.
        string id = $"oidc-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{issuer}\n{subject}")))[..32]}";
        var now = clock.GetUtcNow();
        await database.WriteAsync(c =>
            c.Execute("INSERT INTO keys (id, name, hash, role, categories, created, expires) VALUES ($id, $name, $hash, $role, "
            + "$categories, $created, $expires) ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, "
            + "categories = excluded.categories, expires = excluded.expires",
            ("$id", id), ("$name", name), ("$hash", RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes)), ("$role", role.ToString()),
            ("$categories", string.Join(',', categories)), ("$created", now), ("$expires", now + Sessions.Lifetime)));
        var key = FindById(id);
        if (key is not null) NoteUse(key);
        return key;
    }

    /// <summary>The valid key of this text, or null.</summary>
    public ApiKey? Find(string text)
    {
        if (ApiKeyText.Parse(text) is not { } parsed) return null;
        var (key, hash) = database.Read(c =>
            c.Query($"SELECT hash, {Columns} WHERE id = $id", r => (Row(r, 1), r.Bytes(0)!), ("$id", parsed.Id))).SingleOrDefault();
        // Compared in constant time, also for an unknown id.
        return CryptographicOperations.FixedTimeEquals(hash ?? new byte[parsed.Hash.Length], parsed.Hash) && key.Valid(clock.GetUtcNow())
            ? key : null;
    }

    /// <summary>The key of this id if it is still valid, for signed-in browsers.</summary>
    public ApiKey? FindById(string id)
        => database.Read(c => c.Query($"SELECT {Columns} WHERE id = $id", r => Row(r, 0), ("$id", id))).SingleOrDefault() is { } key
        && key.Valid(clock.GetUtcNow()) ? key : null;

    /// <summary>Whether a caller's key is still valid, for calls that last long. A caller on this machine has no key.</summary>
    public bool Admits(ClaimsPrincipal user) => user.Id() is not { } id || id == Caller.Local.Id || FindById(id) is not null;

    /// <summary>Records the use of a key; at most one write per minute and key, without waiting for it.</summary>
    public void NoteUse(ApiKey key)
    {
        var now = clock.GetUtcNow();
        long minute = now.ToUnixTimeSeconds() / 60;
        if (_used.TryGetValue(key.Id, out long last) && last == minute) return;
        _used[key.Id] = minute;
        // A failure is harmless: the next minute writes again.
        _ = database.WriteAsync(c => c.Execute("UPDATE keys SET used = $now WHERE id = $id", ("$now", now), ("$id", key.Id)))
            .ContinueWith(t => t.Exception, TaskScheduler.Default);
    }

    public IReadOnlyList<ApiKey> List() => database.Read(c => c.Query($"SELECT {Columns} ORDER BY created", r => Row(r, 0)));

    /// <summary>Whether a key was ever created: from then on every request needs one, also if all keys are revoked or expired.</summary>
    public bool AnyEver() => database.Read(c => c.Scalar<long>("SELECT count(*) FROM keys")) != 0;

    /// <summary>Whether anybody could sign in now.</summary>
    public bool AnyValid() =>
        database.Read(c => c.Scalar<long>(
            "SELECT count(*) FROM keys WHERE revoked IS NULL AND (expires IS NULL OR expires > $now)",
            ("$now", clock.GetUtcNow()))) != 0;

    /// <exception cref="SpadeException">NotFound.</exception>
    public async Task RevokeAsync(string id)
    {
        if (await database.WriteAsync(c =>
            c.Execute("UPDATE keys SET revoked = $now WHERE id = $id AND revoked IS NULL", ("$id", id), ("$now", clock.GetUtcNow()))) == 0)
            throw new SpadeException(SpadeError.NotFound, $"no valid key '{id}'; 'spade key list' shows the keys");
    }

    private static ApiKey Row(DbDataReader r, int at) => new(
        r.GetString(at), r.GetString(at + 1), Enum.Parse<Role>(r.GetString(at + 2)),
        r.GetString(at + 3).Split(',', StringSplitOptions.RemoveEmptyEntries),
        r.Time(at + 4)!.Value, r.Time(at + 5), r.Time(at + 6), r.Time(at + 7));
}
