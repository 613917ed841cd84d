using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Makes the audit log tamper-evident: each entry's hash is SHA-256 over the hash of the entry before and the entry itself. Who
/// changes, removes or inserts an entry has to write every later hash anew, and a hash that was noted elsewhere then differs.
/// </summary>
public static class AuditChain
{
    /// <summary>What stands before the first entry.</summary>
    public static byte[] Beginning => new byte[SHA256.HashSizeInBytes];

    public static byte[] HashOf(ReadOnlySpan<byte> before, DateTimeOffset time, string caller, string action, string subject, string detail)
        => SHA256.HashData([.. before, .. JsonSerializer.SerializeToUtf8Bytes(
            (string[])[time.ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture), caller, action, subject,
                detail])]);

    /// <summary>Checks entries in their order, the oldest first.</summary>
    /// <param name="head">A hash that was noted before, in hex; null: none.</param>
    /// <returns>What is wrong, one sentence; null: nothing.</returns>
    public static string? Problem(IEnumerable<AuditEntry> entries, string? head = null)
    {
        byte[] before = Beginning;
        bool found = head is null;
        foreach (var e in entries)
        {
            byte[] hash = HashOf(before, e.Time, e.Caller, e.Action, e.Subject, e.Detail);
            string hex = Convert.ToHexStringLower(hash);
            if (hex != e.Hash)
                return $"entry {e.Id} of {e.Time:u} does not follow from those before it: it, or one before it, was changed, removed or "
                    + "inserted";
            found |= string.Equals(hex, head, StringComparison.OrdinalIgnoreCase);
            before = hash;
        }
        return found ? null : $"no entry has the hash {head}: entries were removed at the end, or the whole log was written anew";
    }

    /// <summary>Hashes entries that were written before there was a chain.</summary>
    internal static void Seal(DbConnection connection)
    {
        byte[] before = Beginning;
        foreach (var e in connection.Query("SELECT id, time, caller, action, subject, detail FROM audit ORDER BY id", r =>
            (Id: r.GetInt64(0), Time: r.Time(1)!.Value, Texts: Enumerable.Range(2, 4).Select(r.GetString).ToArray())))
        {
            before = HashOf(before, e.Time, e.Texts[0], e.Texts[1], e.Texts[2], e.Texts[3]);
            connection.Execute("UPDATE audit SET hash = $hash WHERE id = $id", ("$hash", before), ("$id", e.Id));
        }
    }
}
