using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Sessions of signed-in browsers. The cookie contains only a random id, and the database its hash. A session ends by signing out, after
/// its time, or with its key, also if somebody still has the cookie. Role and scope are the present ones of the key.
/// </summary>
internal sealed class Sessions(ServerDatabase database, ApiKeyStore keys, TimeProvider clock) : ITicketStore
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private const int IdBytes = 32;

    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        string id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(IdBytes));
        var now = clock.GetUtcNow();
        await database.WriteAsync(c =>
        {
            c.Execute("DELETE FROM sessions WHERE expires <= $now", ("$now", now));
            c.Execute("INSERT INTO sessions (id, key, expires) VALUES ($id, $key, $expires)", ("$id", HashOf(id)),
                ("$key", ticket.Principal.Id()), ("$expires", now + Lifetime));
        });
        return id;
    }

    public Task RenewAsync(string key, AuthenticationTicket ticket) => database.WriteAsync(c => c.Execute(
        "UPDATE sessions SET expires = $expires WHERE id = $id", ("$expires", clock.GetUtcNow() + Lifetime), ("$id", HashOf(key))));

    public Task<AuthenticationTicket?> RetrieveAsync(string key) => Task.FromResult(Retrieve(key));

    public Task RemoveAsync(string key) =>
        database.WriteAsync(c => c.Execute("DELETE FROM sessions WHERE id = $id", ("$id", HashOf(key))));

    private AuthenticationTicket? Retrieve(string id)
    {
        var (keyId, expires) = database.Read(c => c.Query("SELECT key, expires FROM sessions WHERE id = $id AND expires > $now",
            r => (r.GetString(0), r.Time(1)!.Value), ("$id", HashOf(id)), ("$now", clock.GetUtcNow()))).SingleOrDefault();
        if (keyId is null || keys.FindById(keyId) is not { } key) return null;
        keys.NoteUse(key);
        const string Scheme = CookieAuthenticationDefaults.AuthenticationScheme;
        return new AuthenticationTicket(Caller.Principal(key, Scheme),
            new AuthenticationProperties { IssuedUtc = expires - Lifetime, ExpiresUtc = expires }, Scheme);
    }

    private static byte[] HashOf(string id) => SHA256.HashData(Encoding.UTF8.GetBytes(id));
}
