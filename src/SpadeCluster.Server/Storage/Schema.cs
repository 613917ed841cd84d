using System.Data.Common;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Storage;

/// <summary>
/// The tables, as one script per version of the format, in SQLite's types; times are milliseconds since 1970 (UTC). A released script is
/// never changed.
/// </summary>
internal static class Schema
{
    public static IReadOnlyList<string> Steps { get; } =
    [
        """
        CREATE TABLE decisions (
            id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, line TEXT NOT NULL, caller TEXT NOT NULL,
            category TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL, preprocessing TEXT NOT NULL,
            pred_label BOOLEAN, pred_score REAL, raw_score REAL, score TEXT NOT NULL);
        CREATE INDEX decisions_category ON decisions (category, id);
        CREATE INDEX decisions_line ON decisions (line, id);
        CREATE INDEX decisions_time ON decisions (time);
        CREATE TABLE pictures (
            decision INTEGER PRIMARY KEY REFERENCES decisions (id) ON DELETE CASCADE, bytes INTEGER NOT NULL,
            image BLOB NOT NULL, map BLOB, evidence BLOB);
        CREATE TABLE feedback (
            id INTEGER PRIMARY KEY AUTOINCREMENT, decision INTEGER NOT NULL REFERENCES decisions (id) ON DELETE CASCADE,
            time INTEGER NOT NULL, caller TEXT NOT NULL, kind TEXT NOT NULL, note TEXT NOT NULL, image_id TEXT,
            undone INTEGER, undone_by TEXT);
        CREATE INDEX feedback_decision ON feedback (decision);
        CREATE TABLE keys (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, role TEXT NOT NULL, categories TEXT NOT NULL,
            created INTEGER NOT NULL, expires INTEGER, revoked INTEGER);
        CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, caller TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);
        """,
        """
        UPDATE feedback SET undone = time, undone_by = 'a later word'
            WHERE undone IS NULL AND id NOT IN (SELECT max(id) FROM feedback WHERE undone IS NULL GROUP BY decision);
        CREATE UNIQUE INDEX feedback_standing ON feedback (decision) WHERE undone IS NULL;
        """,
        """
        ALTER TABLE keys ADD COLUMN used INTEGER;
        ALTER TABLE audit ADD COLUMN hash BLOB;
        CREATE TABLE sessions (id BLOB PRIMARY KEY, key TEXT NOT NULL REFERENCES keys (id), expires INTEGER NOT NULL);
        CREATE TABLE cookie_keys (name TEXT PRIMARY KEY, xml TEXT NOT NULL);
        CREATE TABLE probe (id INTEGER PRIMARY KEY, time INTEGER NOT NULL);
        """,
        """
        ALTER TABLE decisions ADD COLUMN verdict TEXT;
        UPDATE decisions SET verdict = CASE WHEN pred_label THEN 'defect' WHEN NOT pred_label THEN 'good' END;
        ALTER TABLE feedback ADD COLUMN status TEXT NOT NULL DEFAULT 'Noted';
        ALTER TABLE feedback ADD COLUMN why TEXT;
        ALTER TABLE feedback ADD COLUMN decided_by TEXT;
        UPDATE feedback SET status = 'Added' WHERE kind = 'Good';
        CREATE INDEX feedback_open ON feedback (status) WHERE status IN ('Checking', 'Waiting');
        CREATE TABLE anchors (category TEXT NOT NULL, version INTEGER NOT NULL, since INTEGER NOT NULL, theta REAL NOT NULL,
            review REAL, tau REAL, PRIMARY KEY (category, version));
        """,
        """
        ALTER TABLE decisions ADD COLUMN serial_number TEXT;
        ALTER TABLE decisions ADD COLUMN batch TEXT;
        ALTER TABLE decisions ADD COLUMN shift TEXT;
        ALTER TABLE decisions ADD COLUMN operator TEXT;
        CREATE INDEX decisions_serial_number ON decisions (serial_number, id) WHERE serial_number IS NOT NULL;
        """,
        """
        CREATE TABLE outbox (
            decision INTEGER NOT NULL REFERENCES decisions (id) ON DELETE CASCADE, destination TEXT NOT NULL, line TEXT NOT NULL,
            category TEXT NOT NULL, time INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, problem TEXT, dead INTEGER,
            PRIMARY KEY (decision, destination));
        CREATE INDEX outbox_waiting ON outbox (destination, line, decision) WHERE dead IS NULL;
        """,
        """
        CREATE TABLE shadows (category TEXT PRIMARY KEY, version INTEGER NOT NULL, share REAL NOT NULL, since INTEGER NOT NULL,
            caller TEXT NOT NULL);
        CREATE TABLE shadow_scores (
            decision INTEGER PRIMARY KEY REFERENCES decisions (id) ON DELETE CASCADE, category TEXT NOT NULL, version INTEGER NOT NULL,
            verdict TEXT NOT NULL, pred_score REAL, raw_score REAL);
        CREATE INDEX shadow_scores_version ON shadow_scores (category, version);
        """,
    ];

    /// <summary>The step that introduced the audit log's chain.</summary>
    private const int ChainedFrom = 2;

    /// <exception cref="SpadeException">FailedPrecondition: written by a later version of this program.</exception>
    public static void CheckVersion(int version, string location)
    {
        if (version > Steps.Count)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"{location} was written by a later version of spade (format {version}, this one supports {Steps.Count}): use that "
                + $"version");
    }

    public static void Apply(DbConnection connection, int version, string script)
    {
        connection.Execute(script);
        if (version == ChainedFrom) AuditChain.Seal(connection);
    }
}
