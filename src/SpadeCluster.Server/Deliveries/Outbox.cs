using System.Data.Common;
using System.Text;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Deliveries;

/// <summary>A decision that waits for its delivery, or a dead letter.</summary>
/// <param name="Time">When it was recorded, or when its delivery was requested again.</param>
/// <param name="Tries">Failed tries.</param>
/// <param name="Problem">Why the last try failed.</param>
/// <param name="Dead">When it became a dead letter; null: it waits.</param>
public sealed record OutboxRow(long Decision, string Destination, string Line, string Category, DateTimeOffset Time, int Tries,
    string? Problem, DateTimeOffset? Dead);

/// <summary>The rows of a destination.</summary>
/// <param name="Oldest">When the oldest waiting row was recorded.</param>
public sealed record OutboxState(string Destination, long Waiting, long Dead, DateTimeOffset? Oldest);

/// <summary>
/// The decisions that wait for delivery: a row for each destination, written in the transaction that logs the decision, and deleted after
/// the receiver has acknowledged it. Dead letters stay until their delivery is requested again, or their decision is deleted.
/// </summary>
public sealed class Outbox(ServerDatabase database, IReadOnlyList<Destination> destinations, TimeProvider clock)
{
    /// <summary>Age of a waiting row that people are told about.</summary>
    public static readonly TimeSpan Late = TimeSpan.FromMinutes(5);

    private const string Columns = "decision, destination, line, category, time, tries, problem, dead FROM outbox";

    /// <summary>Raised with destination and line after a decision was logged by this server.</summary>
    public event Action<string, string>? Recorded;

    /// <summary>Adds a row for each destination that wants the decision. Called in the transaction that logs it.</summary>
    internal void Record(DbConnection c, long id, Decision decision)
    {
        foreach (var destination in Wanting(decision))
            c.Execute("INSERT INTO outbox (decision, destination, line, category, time) "
                + "VALUES ($id, $destination, $line, $category, $time)",
                ("$id", id), ("$destination", destination.Name), ("$line", decision.Line), ("$category", decision.Score.Category),
                ("$time", decision.Time));
    }

    /// <summary>Called after that transaction, so that the delivery starts at once.</summary>
    internal void Announce(Decision decision)
    {
        foreach (var destination in Wanting(decision)) Recorded?.Invoke(destination.Name, decision.Line);
    }

    /// <summary>The lines with waiting rows and their number, the line of the oldest row first.</summary>
    internal IReadOnlyList<(string Line, long Rows)> Lines(string destination) => database.Read(c => c.Query(
        "SELECT line, count(*) FROM outbox WHERE destination = $destination AND dead IS NULL GROUP BY line ORDER BY min(decision)",
        r => (r.GetString(0), r.GetInt64(1)), ("$destination", destination)));

    /// <summary>The oldest waiting row of a line; null: nothing waits.</summary>
    internal OutboxRow? Next(string destination, string line) => database.Read(c => c.Query(
        $"SELECT {Columns} WHERE destination = $destination AND line = $line AND dead IS NULL ORDER BY decision LIMIT 1", Row,
        ("$destination", destination), ("$line", line))).SingleOrDefault();

    internal bool IsWaiting(OutboxRow row) => database.Read(c => c.Scalar<long>(
        "SELECT count(*) FROM outbox WHERE decision = $id AND destination = $destination AND dead IS NULL", Key(row))) > 0;

    internal Task DeliveredAsync(OutboxRow row) =>
        database.WriteAsync(c => c.Execute("DELETE FROM outbox WHERE decision = $id AND destination = $destination", Key(row)));

    /// <summary>Notes a failed try.</summary>
    internal Task FailedAsync(OutboxRow row, string problem) => database.WriteAsync(c => c.Execute(
        "UPDATE outbox SET tries = tries + 1, problem = $problem WHERE decision = $id AND destination = $destination AND dead IS NULL",
        [.. Key(row), ("$problem", problem)]));

    /// <summary>Notes a failed try after which there is no other.</summary>
    internal Task BuryAsync(OutboxRow row, string problem) => database.WriteAsync(c => c.Execute("UPDATE outbox SET tries = tries + 1, "
        + "problem = $problem, dead = $now WHERE decision = $id AND destination = $destination AND dead IS NULL",
        [.. Key(row), ("$problem", problem), ("$now", clock.GetUtcNow())]));

    /// <summary>Makes the oldest rows beyond the limit dead letters, so that what waits is bounded.</summary>
    internal Task TrimAsync(Destination destination) => database.WriteAsync(c => c.Execute("""
        UPDATE outbox SET dead = $now, problem = $problem WHERE destination = $destination AND dead IS NULL AND decision <= (
            SELECT decision FROM outbox WHERE destination = $destination AND dead IS NULL ORDER BY decision DESC LIMIT 1 OFFSET $limit)
        """, ("$now", clock.GetUtcNow()), ("$problem", $"more than {destination.MaxWaiting} decisions waited"),
        ("$destination", destination.Name), ("$limit", (long)destination.MaxWaiting)));

    /// <summary>Each destination that has rows.</summary>
    public IReadOnlyList<OutboxState> State() => database.Read(c => c.Query("""
        SELECT destination, count(*) - count(dead), count(dead), min(CASE WHEN dead IS NULL THEN time END)
        FROM outbox GROUP BY destination ORDER BY destination
        """, r => new OutboxState(r.GetString(0), r.GetInt64(1), r.GetInt64(2), r.Time(3))));

    /// <summary>A category's rows of each destination: those that wait for longer than <see cref="Late"/>, and dead letters since a
    /// time.</summary>
    public IReadOnlyList<OutboxState> Troubles(string category, DateTimeOffset deadSince) => database.Read(c => c.Query("""
        SELECT destination, count(*) - count(dead), count(dead), min(CASE WHEN dead IS NULL THEN time END) FROM outbox
        WHERE category = $category AND ((dead IS NULL AND time < $late) OR dead >= $since) GROUP BY destination ORDER BY destination
        """, r => new OutboxState(r.GetString(0), r.GetInt64(1), r.GetInt64(2), r.Time(3)),
        ("$category", category), ("$late", clock.GetUtcNow() - Late), ("$since", deadSince)));

    /// <summary>Rows, the oldest first.</summary>
    /// <param name="dead">Only dead letters.</param>
    public IReadOnlyList<OutboxRow> List(bool dead, string? destination, int limit)
    {
        var (where, values) = Condition(dead, destination, null);
        return database.Read(c => c.Query($"SELECT {Columns} {where} ORDER BY decision, destination LIMIT $limit", Row,
            [.. values, ("$limit", (long)limit)]));
    }

    /// <summary>Makes dead letters wait again. Later decisions of their lines may have been delivered already.</summary>
    /// <param name="destination">Null: of all.</param>
    /// <param name="decision">Null: all.</param>
    /// <returns>Their number.</returns>
    public Task<int> RetryAsync(string? destination, long? decision)
    {
        var (where, values) = Condition(true, destination, decision);
        return database.WriteAsync(c => c.Execute($"UPDATE outbox SET dead = NULL, tries = 0, problem = NULL, time = $now {where}",
            [.. values, ("$now", clock.GetUtcNow())]));
    }

    private IEnumerable<Destination> Wanting(Decision d) =>
        destinations.Where(o => o.Wants(d.Score.Verdict, d.Score.Category, d.Line));

    private static (string Where, List<(string, object?)> Values) Condition(bool dead, string? destination, long? decision)
    {
        var (where, values) = (new StringBuilder("WHERE TRUE"), new List<(string, object?)>());
        if (dead) where.Append(" AND dead IS NOT NULL");
        if (destination is not null) Add(" AND destination = $destination", "$destination", destination);
        if (decision is not null) Add(" AND decision = $decision", "$decision", decision);
        return (where.ToString(), values);

        void Add(string condition, string name, object value)
        {
            where.Append(condition);
            values.Add((name, value));
        }
    }

    private static (string, object?)[] Key(OutboxRow row) => [("$id", row.Decision), ("$destination", row.Destination)];

    private static OutboxRow Row(DbDataReader r) => new(r.GetInt64(0), r.GetString(1), r.GetString(2), r.GetString(3), r.Time(4)!.Value,
        (int)r.GetInt64(5), r.Text(6), r.Time(7));
}
