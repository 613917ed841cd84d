using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Decisions;

/// <summary>Counts of decisions, computed by the database.</summary>
public sealed class DecisionStatistics(ServerDatabase database, TimeProvider clock)
{
    /// <summary>Highest number of steps of time, and of shifts.</summary>
    public const int MaxSteps = 48, MaxShifts = 50;

    private const int DefaultHours = 24;

    /// <summary>No decision is outside; further away, steps and the time before could not be computed.</summary>
    private static readonly DateTimeOffset Earliest = DateTimeOffset.UnixEpoch, Latest = new(3000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>An hour, a shift, a day, a week, four weeks.</summary>
    private static readonly int[] StepHours = [1, 8, 24, 7 * 24, 28 * 24];

    /// <summary>Counts the decisions of a filter. Without a beginning it counts the last 24 hours, without an
    /// end up to the newest decision that matches, to the full hour. Pages are ignored, and times before 1970 or after 2999.</summary>
    /// <exception cref="SpadeException">InvalidArgument: the end is not after the beginning.</exception>
    public DecisionCounts Count(DecisionFilter filter)
    {
        filter = filter with { Before = null, After = null, Since = Within(filter.Since), Until = Within(filter.Until) };
        var (since, until) = Window(filter);
        filter = filter with { Since = since, Until = until };
        var step = StepOf(until - since);
        var condition = new DecisionCondition(filter);
        var byTime = database.Read(c => c.Query(
            $"SELECT (d.time - $start) / $step, d.verdict, count(*) FROM decisions d {condition.Where} GROUP BY 1, 2",
            r => (Step: (int)r.GetInt64(0), Verdict: r.Text(1), Count: r.GetInt64(2)),
            condition.Values(("$start", since), ("$step", (long)step.TotalMilliseconds))));
        var zero = new VerdictCounts(0, 0, 0, 0);
        var times = new VerdictCounts[(int)Math.Ceiling((until - since) / step)];
        Array.Fill(times, zero);
        foreach (var (at, verdict, count) in byTime) times[at] = times[at].Add(verdict, count);
        return new DecisionCounts(since, until, (int)step.TotalSeconds, byTime.Aggregate(zero, (a, t) => a.Add(t.Verdict, t.Count)),
            WithFeedback(filter, FeedbackKind.Defect, "d.verdict = 'good'"),
            WithFeedback(filter, FeedbackKind.Good, "d.verdict IN ('review', 'defect')"),
            [.. times.Select((t, i) => new CountedTime(since + i * step, t))], Shifts(filter));
    }

    /// <summary>Counts by category, those with the most decisions of one verdict first; 50 at most.</summary>
    public IReadOnlyList<CountedName> ByCategory(DecisionFilter filter) => Named("d.category", filter);

    /// <summary>The same by line.</summary>
    public IReadOnlyList<CountedName> ByLine(DecisionFilter filter) => Named("d.line", filter);

    /// <summary>The time to compare a shift with. For a named shift it is the shift before: the newest other one, in the 24 hours before
    /// the first decision of this one. Otherwise it is as much time directly before.</summary>
    public TimeBefore Before(DecisionFilter filter, DecisionCounts counts)
    {
        if (filter.Shift is not null && First(filter with { Since = counts.Since, Until = counts.Until }) is { } first)
        {
            var earlier = filter with { Shift = null, Since = first.AddHours(-DefaultHours), Until = first };
            var condition = new DecisionCondition(earlier);
            string? other = database.Read(c => c.Query(
                $"SELECT d.shift FROM decisions d {condition.Where} AND d.shift <> $other ORDER BY d.id DESC LIMIT 1",
                r => r.GetString(0), condition.Values(("$other", filter.Shift)))).FirstOrDefault();
            if (other is not null) return Of(other, first.AddHours(-DefaultHours), first);
        }
        return Of(filter.Shift, counts.Since - (counts.Until - counts.Since), counts.Since);

        TimeBefore Of(string? shift, DateTimeOffset since, DateTimeOffset until)
            => new(shift, since, until, Total(filter with { Shift = shift, Since = since, Until = until }));
    }

    private VerdictCounts Total(DecisionFilter filter)
        => By("d.category", filter).Aggregate(new VerdictCounts(0, 0, 0, 0), (a, c) => a.Add(c.Counts));

    private List<CountedName> Named(string column, DecisionFilter filter)
        => [.. By(column, filter).Take(MaxShifts).Select(g => new CountedName(g.Name!, g.Counts))];

    private DateTimeOffset? First(DecisionFilter filter)
    {
        var condition = new DecisionCondition(filter);
        return database.Read(c => c.Query($"SELECT d.time FROM decisions d {condition.Where} ORDER BY d.id LIMIT 1", r => r.Time(0),
            condition.Values())).FirstOrDefault();
    }

    private (DateTimeOffset Since, DateTimeOffset Until) Window(DecisionFilter filter)
    {
        var until = filter.Until ?? FullHour(Newest(filter) ?? filter.Since ?? clock.GetUtcNow());
        var since = filter.Since ?? until.AddHours(-DefaultHours);
        return since < until ? (since, until) : throw new SpadeException(SpadeError.InvalidArgument,
            $"the time ends ({until:u}) before it begins ({since:u}): exchange them");
    }

    private static DateTimeOffset? Within(DateTimeOffset? time) => time < Earliest ? Earliest : time > Latest ? Latest : time;

    private DateTimeOffset? Newest(DecisionFilter filter)
    {
        var condition = new DecisionCondition(filter);
        return database.Read(c => c.Query($"SELECT d.time FROM decisions d {condition.Where} ORDER BY d.id DESC LIMIT 1",
            r => r.Time(0), condition.Values())).FirstOrDefault();
    }

    private long WithFeedback(DecisionFilter filter, FeedbackKind kind, string verdict)
    {
        var condition = new DecisionCondition(filter with { Feedback = kind });
        return database.Read(c => c.Scalar<long>($"SELECT count(*) FROM decisions d {condition.Where} AND {verdict}", condition.Values()));
    }

    /// <summary>Counts by shift, in the order of their names; of more than 50 those with the most decisions.</summary>
    private List<CountedShift> Shifts(DecisionFilter filter) => [.. By("d.shift", filter).Take(MaxShifts)
        .OrderBy(s => s.Name, StringComparer.Ordinal).Select(s => new CountedShift(s.Name, s.Counts))];

    private List<(string? Name, VerdictCounts Counts)> By(string column, DecisionFilter filter)
    {
        var condition = new DecisionCondition(filter);
        var rows = database.Read(c => c.Query(
            $"SELECT {column}, d.verdict, count(*) FROM decisions d {condition.Where} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT $limit",
            r => (Name: r.Text(0), Verdict: r.Text(1), Count: r.GetInt64(2)), condition.Values(("$limit", 4 * MaxShifts))));
        return [.. rows.GroupBy(r => r.Name)
            .Select(g => (g.Key, g.Aggregate(new VerdictCounts(0, 0, 0, 0), (a, r) => a.Add(r.Verdict, r.Count))))];
    }

    /// <summary>The next full hour after a time.</summary>
    private static DateTimeOffset FullHour(DateTimeOffset time)
        => new DateTimeOffset(time.UtcDateTime.Date, TimeSpan.Zero).AddHours(time.UtcDateTime.Hour + 1);

    private static TimeSpan StepOf(TimeSpan span)
    {
        int hours = StepHours.FirstOrDefault(h => span <= TimeSpan.FromHours(h) * MaxSteps, StepHours[^1]);
        while (span > TimeSpan.FromHours(hours) * MaxSteps) hours *= 2;
        return TimeSpan.FromHours(hours);
    }
}
