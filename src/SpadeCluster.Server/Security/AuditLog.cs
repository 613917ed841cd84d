using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Security;

/// <summary>One change: who did what to which thing.</summary>
public sealed record AuditEntry(long Id, DateTimeOffset Time, string Caller, string Action, string Subject, string Detail);

/// <summary>Who changed what: galleries, feedback, keys, sign-ins. Entries are only ever added.</summary>
public sealed class AuditLog(ServerDatabase database, TimeProvider clock)
{
    public Task WriteAsync(string caller, string action, string subject, string detail = "") => database.WriteAsync(c =>
        c.Execute("INSERT INTO audit (time, caller, action, subject, detail) VALUES ($time, $caller, $action, $subject, $detail)",
            ("$time", clock.GetUtcNow()), ("$caller", caller), ("$action", action), ("$subject", subject), ("$detail", detail)));

    /// <summary>The newest entries first.</summary>
    /// <param name="limit">The most that are read.</param>
    /// <param name="categories">Only changes of these, and so none of keys, nor sign-ins; null: all.</param>
    public IReadOnlyList<AuditEntry> Read(int limit = 200, IReadOnlyList<string>? categories = null) => database.Read(c => c.Query(
        "SELECT id, time, caller, action, subject, detail FROM audit WHERE $among IS NULL OR (instr(',' || $among || ',', ',' || "
        + "subject || ',') > 0 AND action NOT LIKE 'key %' AND action <> 'sign in') ORDER BY id DESC LIMIT $limit",
        r => new AuditEntry(r.GetInt64(0), r.Time(1)!.Value, r.GetString(2), r.GetString(3), r.GetString(4), r.GetString(5)),
        ("$limit", limit), ("$among", categories is null ? null : string.Join(',', categories))));
}
