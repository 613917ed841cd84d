using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Shadows;
using SpadeCluster.Server.Storage;
using SpadeCluster.Server.Tests.Security;

namespace SpadeCluster.Server.Tests;

/// <summary>Filters and counts of the decision log, in SQLite and in PostgreSQL.</summary>
public sealed class DecisionFilterTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 6, 0, 0, TimeSpan.Zero);

    /// <summary>Ids 1 to 9, one each half hour.</summary>
    private static readonly (string Line, string Verdict, string? Serial, string? Shift)[] Rows =
    [
        ("A", "good", "4711", "early"), ("A", "defect", "4712", "early"), ("B", "good", "X_47", "early"), ("A", "good", "x147", "late"),
        ("A", "review", "50%", "late"), ("A", "good", null, "late"), ("A", "good", "500", null), ("A", "defect", "4711", null),
        ("A", "good", "!", null),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("spade-filter-").FullName;

    [Fact]
    public async Task Sqlite_finds_and_counts()
    {
        await using var database = new SqliteDatabase(_folder);
        await CheckAsync(database);
    }

    [PostgresFact]
    public async Task PostgreSQL_finds_and_counts_the_same()
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        string postgres = Path.Combine(_folder, "postgres");
        try
        {
            await using var database = new PostgresDatabase(PrivatePostgres.Start(postgres));
            await CheckAsync(database);
        }
        finally
        {
            PrivatePostgres.Stop(postgres);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task CheckAsync(ServerDatabase database)
    {
        await FillAsync(database);
        var log = new DecisionLog(database, new ServerOptions(), new DecisionFeed(), new Outbox(database, [], TimeProvider.System),
            TimeProvider.System);
        long[] Find(DecisionFilter filter) => [.. log.Find(filter).Select(d => d.Id)];
        Assert.Equal([8, 1], Find(new(SerialNumber: "4711")));
        Assert.Equal([8, 2, 1], Find(new(SerialNumber: "47*")));
        // A pattern's own signs are ordinary characters, and case does not matter.
        Assert.Equal([3], Find(new(SerialNumber: "x_*")));
        Assert.Equal([5], Find(new(SerialNumber: "*0%")));
        Assert.Equal([9], Find(new(SerialNumber: "!*")));
        Assert.Equal([4, 3], Find(new(SerialNumber: "X*")));
        Assert.Equal([6, 5, 4], Find(new(Shift: "late")));
        Assert.Equal([6, 4], Find(new(Shift: "late", Verdict: "good", Line: "A")));
        Assert.Equal([4, 3], Find(new(Since: Start.AddHours(1), Until: Start.AddHours(2))));
        Assert.Equal([1], Find(new(Feedback: FeedbackKind.Defect)));
        Assert.Equal([2], Find(new(Feedback: FeedbackKind.Good)));
        Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => Find(new(SerialNumber: "*1*2*3*4*"))).Error);
        await CheckShadowAsync(database, log, Find);

        var statistics = new DecisionStatistics(database, TimeProvider.System);
        var all = statistics.Count(new());
        // 24 hours up to the full hour after the newest, which is at 10:00.
        Assert.Equal((Start.AddHours(5 - 24), Start.AddHours(5), 3600), (all.Since, all.Until, all.StepSeconds));
        Assert.Equal(new VerdictCounts(6, 1, 2, 0), all.Total);
        Assert.Equal((1, 1, 24), (all.Missed, all.FalseAlarms, all.Times.Count));
        Assert.Equal([new(1, 0, 1, 0), new(2, 0, 0, 0), new(1, 1, 0, 0), new(1, 0, 1, 0), new(1, 0, 0, 0)],
            all.Times.Skip(19).Select(t => t.Counts));
        Assert.Equal([(null, 3), ("early", 3), ("late", 3)], all.Shifts.Select(s => (s.Shift, s.Counts.Total)));
        // Steps begin where the time begins, and grow with it.
        var half = statistics.Count(new(Since: Start.AddMinutes(30), Until: Start.AddMinutes(91)));
        Assert.Equal([2, 1], half.Times.Select(t => t.Counts.Total));
        Assert.Equal(8 * 3600, statistics.Count(new(Since: Start, Until: Start.AddDays(10))).StepSeconds);
        Assert.Equal(new VerdictCounts(0, 0, 0, 0), statistics.Count(new(Line: "none")).Total);
        var always = statistics.Count(new(Since: DateTimeOffset.MinValue, Until: DateTimeOffset.MaxValue));
        Assert.Equal(all.Total, always.Total);
        Assert.InRange(always.Times.Count, 1, DecisionStatistics.MaxSteps);
        Assert.Equal(0, statistics.Before(new(), always).Counts.Total);
        Assert.Equal(0, statistics.Count(new(Until: DateTimeOffset.MinValue)).Total.Total);
        Assert.Equal(0, statistics.Count(new(Since: DateTimeOffset.MaxValue)).Total.Total);
        Assert.Throws<SpadeException>(() => statistics.Count(new(Since: Start, Until: Start)));
    }

    private static async Task CheckShadowAsync(ServerDatabase database, DecisionLog log, Func<DecisionFilter, long[]> find)
    {
        var shadows = new ShadowLog(database);
        var shadow = new Shadow("discs", 2, 0.5, Start.AddMinutes(45), "eve");
        await shadows.SetAsync(shadow with { Version = 1 });
        await shadows.SetAsync(shadow);
        Assert.Equal(shadow, shadows.Find("discs"));
        Assert.Equal([shadow], shadows.All());
        // Decision 2 is before the shadow began; 99 is one that retention deleted.
        foreach (var (id, verdict) in new[] { (2, "good"), (3, "good"), (4, "defect"), (6, "defect"), (5, "good"), (99, "good") })
            await shadows.RecordAsync(id, log.Get(1).Score with { Version = 2, Verdict = verdict, RawScore = 2.5 });
        Assert.Equal([6, 5, 4, 2], find(new(ShadowDiffers: true)));
        Assert.Equal([3], find(new(ShadowDiffers: false)));
        Assert.Equal([6, 4], find(new(ShadowDiffers: true, Verdict: "good")));
        Assert.Equal([new("good", "defect", 2), new("good", "good", 1), new("review", "good", 1)], shadows.Counts(shadow));
        Assert.Equal(new ShadowScore(2, "defect", null, 2.5), log.Get(6).Shadow);
        Assert.Null(log.Get(7).Shadow);
        Assert.False(await shadows.EndAsync(shadow with { Version = 1 }));
        Assert.True(await shadows.EndAsync(shadow));
        Assert.Null(shadows.Find("discs"));
    }

    private static Task FillAsync(ServerDatabase database) => database.WriteAsync(c =>
    {
        foreach (var (i, row) in Rows.Index())
            c.Execute("INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, verdict, serial_number, "
                + "shift, score) VALUES ($time, $line, 'ann', 'discs', 3, 'abc', '', $verdict, $serial, $shift, $score)",
                ("$time", Start.AddMinutes(30 * i)), ("$line", row.Line), ("$verdict", row.Verdict), ("$serial", row.Serial),
                ("$shift", row.Shift), ("$score", """
                    {"file":"a.png","image_id":"","category":"discs","version":3,"gate_distance":1,"localised":false,"regions":[],
                     "neighbours":[],"milliseconds":{}}
                    """));
        // A missed defect, a false alarm, and one that was taken back.
        foreach (var (decision, kind, undone) in new[] { (1, "Defect", false), (2, "Good", false), (3, "Defect", true) })
            c.Execute("INSERT INTO feedback (decision, time, caller, kind, note, undone) VALUES ($decision, $time, 'ann', $kind, '', "
                + "$undone)", ("$decision", decision), ("$time", Start), ("$kind", kind), ("$undone", undone ? Start : null));
    });
}
