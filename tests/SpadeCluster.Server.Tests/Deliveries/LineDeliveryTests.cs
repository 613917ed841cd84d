using Microsoft.Extensions.Logging.Abstractions;
using SpadeCluster.Server.Deliveries;

namespace SpadeCluster.Server.Tests.Deliveries;

public sealed class LineDeliveryTests
{
    private readonly List<long> _sent = [];

    [Fact]
    public async Task A_row_is_tried_at_growing_intervals_and_holds_the_later_ones_of_its_line_back()
    {
        var mes = new Destination("mes", "https://mes");
        await using var fixture = new OutboxFixture(mes);
        long[] ids = [await fixture.LogAsync("A"), await fixture.LogAsync("B"), await fixture.LogAsync("A")];
        const int Failures = 20;
        var run = Delivery(fixture, mes, _ => _sent.Count <= Failures ? new DeliveryException("the receiver is away") : null)
            .RunAsync("A", () => { }, default);
        var waits = new List<TimeSpan>();
        for (int i = 0; i < Failures; i++)
        {
            waits.Add(await NextWaitAsync(fixture.Clock));
            var row = fixture.Outbox.Next("mes", "A")!;
            Assert.Equal((ids[0], i + 1, "the receiver is away"), (row.Decision, row.Tries, row.Problem));
            fixture.Clock.Advance(waits[i]);
        }
        await run;
        Assert.Equal([.. Enumerable.Repeat(ids[0], Failures + 1), ids[2]], _sent);
        Assert.Equal([ids[1]], fixture.Decisions("mes"));
        Assert.All(waits, w => Assert.InRange(w, TimeSpan.Zero, TimeSpan.FromMinutes(1)));
        Assert.InRange(waits[0], TimeSpan.Zero, TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromMinutes(1), waits[^1]);
    }

    [Fact]
    public async Task A_row_that_is_not_acknowledged_stays_when_the_server_stops()
    {
        var mes = new Destination("mes", "https://mes");
        await using var fixture = new OutboxFixture(mes);
        long first = await fixture.LogAsync("A"), second = await fixture.LogAsync("A");
        using var stop = new CancellationTokenSource();
        var stopped = Delivery(fixture, mes, row =>
        {
            // The process ends while the second is on its way.
            if (row.Decision == second) stop.Cancel();
            stop.Token.ThrowIfCancellationRequested();
            return null;
        }).RunAsync("A", () => { }, stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped);
        Assert.Equal([second], fixture.Decisions("mes"));
        await Delivery(fixture, mes, _ => null).RunAsync("A", () => { }, default);
        Assert.Equal([first, second, second], _sent);
        Assert.Empty(fixture.Decisions("mes"));
    }

    [Fact]
    public async Task A_row_that_the_receiver_refuses_becomes_a_dead_letter_and_the_line_goes_on()
    {
        var mes = new Destination("mes", "https://mes");
        await using var fixture = new OutboxFixture(mes);
        long poison = await fixture.LogAsync("A"), next = await fixture.LogAsync("A");
        var run = Delivery(fixture, mes, row => row.Decision == poison ? new DeliveryException("refused", refused: true) : null)
            .RunAsync("A", () => { }, default);
        for (int i = 1; i < LineDelivery.MostRefusals; i++) fixture.Clock.Advance(await NextWaitAsync(fixture.Clock));
        await run;
        Assert.Equal([.. Enumerable.Repeat(poison, LineDelivery.MostRefusals), next], _sent);
        var dead = Assert.Single(fixture.Outbox.List(dead: true, "mes", 10));
        Assert.Equal((poison, LineDelivery.MostRefusals, "refused"), (dead.Decision, dead.Tries, dead.Problem));
    }

    [Fact]
    public async Task After_the_stated_time_each_row_has_one_more_try_and_is_then_a_dead_letter()
    {
        var mes = new Destination("mes", "https://mes") { GiveUpHours = 0.5 };
        await using var fixture = new OutboxFixture(mes);
        long old = await fixture.LogAsync("A"), second = await fixture.LogAsync("A");
        var from = fixture.Clock.GetUtcNow();
        var run = Delivery(fixture, mes, _ => new DeliveryException("away")).RunAsync("A", () => { }, default);
        while (true)
        {
            var wait = NextWaitAsync(fixture.Clock);
            if (await Task.WhenAny(wait, run) == run) break;
            fixture.Clock.Advance(await wait);
        }
        await run;
        Assert.InRange(fixture.Clock.GetUtcNow() - from, TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(31));
        Assert.Equal(1, _sent.Count(s => s == second));
        Assert.Equal([old, second], fixture.Decisions("mes", dead: true));
    }

    [Fact]
    public async Task A_receiver_says_how_long_to_wait()
    {
        var mes = new Destination("mes", "https://mes");
        await using var fixture = new OutboxFixture(mes);
        await fixture.LogAsync("A");
        var run = Delivery(fixture, mes, _ => _sent.Count < 3
            ? new DeliveryException("busy", retryAfter: TimeSpan.FromSeconds(_sent.Count == 1 ? 20 : 4000)) : null)
            .RunAsync("A", () => { }, default);
        // Not longer than a minute, whatever it says.
        foreach (int seconds in new[] { 20, 60 })
        {
            var wait = await NextWaitAsync(fixture.Clock);
            Assert.Equal(TimeSpan.FromSeconds(seconds), wait);
            fixture.Clock.Advance(wait);
        }
        await run;
        Assert.Empty(fixture.Decisions("mes"));
    }

    [Fact]
    public async Task Deliveries_are_spread_over_time()
    {
        var clock = new SetClock(DateTimeOffset.UnixEpoch);
        var pace = new Pace(4, clock);
        Assert.True(pace.WaitAsync(default).IsCompletedSuccessfully);
        var (second, third) = (pace.WaitAsync(default), pace.WaitAsync(default));
        clock.Advance(TimeSpan.FromSeconds(0.25));
        await second;
        Assert.False(third.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.25));
        await third;
        clock.Advance(TimeSpan.FromSeconds(0.25));
        Assert.True(pace.WaitAsync(default).IsCompletedSuccessfully);
        Assert.True(new Pace(null, clock).WaitAsync(default).IsCompletedSuccessfully);
    }

    [Fact]
    public void A_clock_that_is_set_back_does_not_hold_deliveries()
    {
        var clock = new SetClock(DateTimeOffset.UnixEpoch.AddYears(50));
        var pace = new Pace(4, clock);
        Assert.True(pace.WaitAsync(default).IsCompletedSuccessfully);
        clock.Set(TimeSpan.FromHours(-1));
        clock.Advance(TimeSpan.FromSeconds(0.25));
        Assert.True(pace.WaitAsync(default).IsCompletedSuccessfully);
    }

    private LineDelivery Delivery(OutboxFixture fixture, Destination destination, Func<OutboxRow, Exception?> problem) =>
        new(destination, fixture.Outbox, (row, _) =>
        {
            _sent.Add(row.Decision);
            return problem(row) is { } e ? throw e : Task.FromResult(true);
        }, fixture.Clock, NullLogger.Instance);

    private static Task<TimeSpan> NextWaitAsync(SetClock clock) =>
        clock.Waits.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
}
