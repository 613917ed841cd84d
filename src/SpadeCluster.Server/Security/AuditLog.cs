using System.Data.Common;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>An entry: who did what to which object.</summary>
/// <param name="Hash">Hex; see <see cref="AuditChain"/>.</param>
public sealed record AuditEntry(long Id, DateTimeOffset Time, string Caller, string Action, string Subject, string Detail, string Hash);

/// <summary>The log of changes: galleries, feedback, keys, sign-ins. Entries are only added, and each hash includes the previous
/// one.</summary>
public sealed class AuditLog(ServerDatabase database, TimeProvider clock)
{
    private const int Page = 1000;
    private const string Columns = "id, time, caller, action, subject, detail, hash FROM audit";

    public Task WriteAsync(string caller, string action, string subject, string detail = "") => database.WriteAsync(c =>
    {
        var time = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
        byte[] before = c.Query("SELECT hash FROM audit ORDER BY id DESC LIMIT 1", r => r.Bytes(0)!).SingleOrDefault()
            ?? AuditChain.Beginning;
        c.Execute("INSERT INTO audit (time, caller, action, subject, detail, hash) VALUES ($time, $caller, $action, $subject, $detail, "
            + "$hash)", ("$time", time), ("$caller", caller), ("$action", action), ("$subject", subject), ("$detail", detail),
            ("$hash", AuditChain.HashOf(before, time, caller, action, subject, detail)));
    });

    /// <summary>The newest entries first.</summary>
    /// <param name="limit">Highest number of entries.</param>
    /// <param name="categories">Only changes of these categories, without keys and sign-ins; null: all.</param>
    public IReadOnlyList<AuditEntry> Read(int limit = 200, IReadOnlyList<string>? categories = null) => database.Read(c => c.Query(
        $"SELECT {Columns} WHERE CAST($among AS TEXT) IS NULL OR (instr(',' || $among || ',', ',' || subject || ',') > 0 "
        + "AND action NOT LIKE 'key %' AND action NOT LIKE 'sign %') ORDER BY id DESC LIMIT $limit",
        Row, ("$limit", limit), ("$among", categories is null ? null : string.Join(',', categories))));

    /// <summary>All entries, the oldest first, for the export and the check of the chain.</summary>
    public IEnumerable<AuditEntry> All()
    {
        for (long after = 0; ;)
        {
            var page = database.Read(c => c.Query($"SELECT {Columns} WHERE id > $after ORDER BY id LIMIT $page", Row, ("$after", after),
                ("$page", Page)));
            foreach (var entry in page) yield return entry;
            if (page.Count < Page) yield break;
            after = page[^1].Id;
        }
    }

    private static AuditEntry Row(DbDataReader r) => new(r.GetInt64(0), r.Time(1)!.Value, r.GetString(2), r.GetString(3), r.GetString(4),
        r.GetString(5), Convert.ToHexStringLower(r.Bytes(6) ?? []));
}
