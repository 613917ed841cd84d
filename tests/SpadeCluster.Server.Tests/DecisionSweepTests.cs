using Microsoft.Extensions.Logging.Abstractions;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

public sealed class DecisionSweepTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-sweep-").FullName;
    private readonly SetClock _clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private ServerDatabase _database = null!;

    [Fact]
    public async Task Old_decisions_go_at_the_start_and_every_hour_without_a_new_one()
    {
        var now = _clock.GetUtcNow();
        await Task.WhenAll(Enumerable.Range(0, 450).Select(_ => LogAsync(now.AddDays(-3))));
        await LogAsync(now.AddDays(-2).AddMinutes(30));
        long young = await LogAsync(now);
        var (log, sweep) = Sweep(new ServerOptions { KeepDays = 2 });
        await sweep.StartAsync(default);
        await sweep.Last;
        Assert.Equal(2, log.Count());
        _clock.Advance(TimeSpan.FromMinutes(59));
        await sweep.Last;
        Assert.Equal(2, log.Count());
        _clock.Advance(TimeSpan.FromMinutes(1));
        await sweep.Last;
        Assert.Equal(1, log.Count());
        Assert.Equal(young, _database.Read(c => c.Scalar<long>("SELECT id FROM decisions")));
        await sweep.StopAsync(default);
        _clock.Advance(TimeSpan.FromDays(9));
        Assert.Equal(1, log.Count());
    }

    [Fact]
    public async Task A_smaller_budget_of_pictures_holds_from_the_start()
    {
        var ids = new List<long>();
        for (int i = 0; i < 10; i++) ids.Add(await LogAsync(_clock.GetUtcNow(), pictures: 100));
        var (log, sweep) = Sweep(new ServerOptions { KeepBytes = 350 });
        await sweep.StartAsync(default);
        await sweep.Last;
        Assert.Equal(10, log.Count());
        Assert.Equal(ids[^3..], _database.Read(c => c.Query("SELECT decision FROM pictures ORDER BY decision", r => r.GetInt64(0))));
    }

    [Fact]
    public async Task Snapshots_that_nobody_wrote_for_a_day_go_and_what_a_killed_process_left()
    {
        string snapshots = Directory.CreateDirectory(Path.Combine(_folder, "snapshots")).FullName;
        foreach (var (name, age) in new[] { ("disc-1.tar", 25), ("0a.part", 25), ("disc-2.tar.tmp", 25), ("disc-3.tar", 23) })
        {
            await File.WriteAllBytesAsync(Path.Combine(snapshots, name), [1]);
            File.SetLastWriteTimeUtc(Path.Combine(snapshots, name), _clock.GetUtcNow().UtcDateTime.AddHours(-age));
        }
        var (_, sweep) = Sweep(new ServerOptions { DataFolder = _folder });
        await sweep.StartAsync(default);
        await sweep.Last;
        Assert.Equal(["disc-3.tar"], Directory.EnumerateFiles(snapshots).Select(Path.GetFileName));
        _clock.Advance(TimeSpan.FromHours(2));
        await sweep.Last;
        Assert.Empty(Directory.EnumerateFiles(snapshots));
    }

    public Task InitializeAsync()
    {
        _database = new SqliteDatabase(_folder);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private (DecisionLog Log, DecisionSweep Sweep) Sweep(ServerOptions options)
    {
        var log = new DecisionLog(_database, options, new DecisionFeed(), new Outbox(_database, [], _clock), _clock);
        return (log, new DecisionSweep(log, options, _clock, NullLogger<DecisionSweep>.Instance));
    }

    private Task<long> LogAsync(DateTimeOffset time, int pictures = 0) => _database.WriteAsync(c =>
    {
        long id = c.Scalar<long>("INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, score) VALUES "
            + "($time, '', '', '', 1, '', '', '') RETURNING id", ("$time", time));
        if (pictures > 0)
            c.Execute("INSERT INTO pictures (decision, bytes, image) VALUES ($id, $bytes, $image)", ("$id", id), ("$bytes", pictures),
                ("$image", new byte[pictures]));
        return id;
    });
}
