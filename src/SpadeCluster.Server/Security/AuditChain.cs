using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Makes the audit log tamper-evident: each entry's hash is the SHA-256 of the previous entry's hash and the entry itself. Changing,
/// removing or inserting an entry requires rewriting all later hashes, which then differ from a hash noted elsewhere.
/// </summary>
public static class AuditChain
{
    /// <summary>The hash before the first entry.</summary>
    public static byte[] Beginning => new byte[SHA256.HashSizeInBytes];

    public static byte[] HashOf(ReadOnlySpan<byte> before, DateTimeOffset time, string caller, string action, string subject, string detail)
        => SHA256.HashData([.. before, .. JsonSerializer.SerializeToUtf8Bytes(
            (string[])[time.ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture), caller, action, subject,
                detail])]);

    /// <summary>Checks entries in their order, the oldest first.</summary>
    /// <param name="head">A hash that was noted earlier, in hex; null: none.</param>
    /// <returns>The problem, one sentence; null: none.</returns>
    public static string? Problem(IEnumerable<AuditEntry> entries, string? head = null)
    {
        byte[] before = Beginning;
        bool found = head is null;
        foreach (var e in entries)
        {
            byte[] hash = HashOf(before, e.Time, e.Caller, e.Action, e.Subject, e.Detail);
            string hex = Convert.ToHexStringLower(hash);
            if (hex != e.Hash)
                return $"entry {e.Id} of {e.Time:u} does not match the previous entries: it, or an earlier one, was changed, removed or "
                    + "inserted";
            found |= string.Equals(hex, head, StringComparison.OrdinalIgnoreCase);
            before = hash;
        }
        return found ? null : $"no entry has the hash {head}: entries were removed at the end, or the whole log was rewritten";
    }

    /// <summary>Hashes entries that were written before the chain was introduced.</summary>
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
