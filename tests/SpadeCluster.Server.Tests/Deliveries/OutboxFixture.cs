using SpadeCluster.Scoring;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>A database with an outbox, and decisions that were never scored.</summary>
public sealed class OutboxFixture : IAsyncDisposable
{
    public const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    public OutboxFixture(params IReadOnlyList<Destination> destinations)
    {
        Database = new SqliteDatabase(Folder);
        Outbox = new Outbox(Database, destinations, Clock);
    }

    internal string Folder { get; } = Directory.CreateTempSubdirectory("spade-outbox-").FullName;
    internal ServerDatabase Database { get; }
    internal SetClock Clock { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    internal Outbox Outbox { get; }

    /// <summary>Logs a decision as DecisionLog does: in one transaction with its rows of the outbox.</summary>
    internal Task<long> LogAsync(string line, string? verdict = "good", string category = "discs", bool fail = false) =>
        Database.WriteAsync(c =>
        {
            long id = c.Scalar<long>("INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, score) VALUES "
                + "($time, $line, '', $category, 1, '', '', '') RETURNING id", ("$time", Clock.GetUtcNow()), ("$line", line),
                ("$category", category));
            Outbox.Record(c, id, Decision(id, line, verdict, category));
            return fail ? throw new SpadeException(SpadeError.Unavailable, "the transaction fails") : id;
        });

    internal IReadOnlyList<long> Decisions(string destination, bool dead = false) =>
        [.. Outbox.List(dead, destination, 1000).Where(r => dead == r.Dead is not null).Select(r => r.Decision)];

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private Decision Decision(long id, string line, string? verdict, string category) => new(id, Clock.GetUtcNow(), line, null, null, null,
        null, "", "", "", new ImageScore
        {
            File = "",
            ImageId = "",
            Category = category,
            Version = 1,
            Verdict = verdict,
            GateDistance = 0,
            Localised = false,
            Regions = [],
            Neighbours = [],
            Milliseconds = default!,
        }, false);
}
