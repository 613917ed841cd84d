using SpadeCluster.Server.Security;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

public sealed class SchemaTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-schema-").FullName;

    [Fact]
    public async Task Of_words_that_all_stood_in_an_older_file_the_last_stands()
    {
        await using (var first = new SqliteDatabase(_folder))
        {
            await first.WriteAsync(c => c.Execute("""
                DROP TRIGGER audit_unchanged;
                DROP TABLE sessions;
                DROP TABLE cookie_keys;
                DROP TABLE probe;
                ALTER TABLE keys DROP COLUMN used;
                ALTER TABLE audit DROP COLUMN hash;
                INSERT INTO audit (time, caller, action, subject, detail) VALUES (5, 'ann', 'add', 'plates', ''),
                    (6, 'bob', 'add', 'plates', '');
                DROP INDEX feedback_standing;
                DROP INDEX feedback_open;
                DROP TABLE anchors;
                DROP TABLE outbox;
                DROP TABLE shadows;
                DROP TABLE shadow_scores;
                ALTER TABLE decisions DROP COLUMN verdict;
                DROP INDEX decisions_serial_number;
                ALTER TABLE decisions DROP COLUMN serial_number;
                ALTER TABLE decisions DROP COLUMN batch;
                ALTER TABLE decisions DROP COLUMN shift;
                ALTER TABLE decisions DROP COLUMN operator;
                ALTER TABLE feedback DROP COLUMN status;
                ALTER TABLE feedback DROP COLUMN why;
                ALTER TABLE feedback DROP COLUMN decided_by;
                PRAGMA user_version = 1;
                INSERT INTO decisions (id, time, line, caller, category, version, digest, preprocessing, pred_label, score)
                    VALUES (7, 0, '', '', '', 1, '', '', 1, ''), (8, 0, '', '', '', 1, '', '', 0, '');
                INSERT INTO feedback (id, decision, time, caller, kind, note, undone)
                    VALUES (1, 7, 0, '', 'Good', '', NULL), (2, 7, 0, '', 'Defect', '', NULL),
                    (3, 7, 0, '', 'Good', '', 5), (4, 8, 0, '', 'Good', '', NULL);
                """));
        }
        await using var again = new SqliteDatabase(_folder);
        Assert.Equal([2, 4], again.Read(c => c.Query("SELECT id FROM feedback WHERE undone IS NULL ORDER BY id", r => r.GetInt64(0))));
        Assert.Equal(["defect", "good"], again.Read(c => c.Query("SELECT verdict FROM decisions ORDER BY id", r => r.GetString(0))));
        var e = await Assert.ThrowsAsync<SpadeException>(() =>
            again.WriteAsync(c => c.Execute("INSERT INTO feedback (decision, time, caller, kind, note) VALUES (7, 0, '', 'Good', '')")));
        Assert.Equal(SpadeError.FailedPrecondition, e.Error);
        Assert.Equal(0, again.Read(c => c.Scalar<long>("SELECT count(*) FROM shadow_scores, shadows")));
        // Its audit log becomes the beginning of the chain.
        var audit = new AuditLog(again, TimeProvider.System);
        await audit.WriteAsync("cid", "add", "plates");
        Assert.Equal(["ann", "bob", "cid"], audit.All().Select(a => a.Caller));
        Assert.Null(AuditChain.Problem(audit.All()));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
