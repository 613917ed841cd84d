using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests.Deliveries;

public sealed class OutboxTests
{
    [Fact]
    public async Task Each_destination_gets_the_decisions_it_wants_and_none_of_a_transaction_that_failed()
    {
        await using var fixture = new OutboxFixture(
            new Destination("all", "https://a"),
            new Destination("bad", "https://b") { Verdicts = ["review", "defect"] },
            new Destination("cap", "https://c") { Categories = ["caps"], Lines = ["L1", "L2"] });
        long good = await fixture.LogAsync("L1"), review = await fixture.LogAsync("L1", "review");
        long defect = await fixture.LogAsync("L3", "defect", "caps"), none = await fixture.LogAsync("L2", null, "caps");
        await Assert.ThrowsAsync<SpadeException>(() => fixture.LogAsync("L1", fail: true));
        Assert.Equal([good, review, defect, none], fixture.Decisions("all"));
        Assert.Equal([review, defect], fixture.Decisions("bad"));
        Assert.Equal([none], fixture.Decisions("cap"));
        Assert.Equal([("L1", 2), ("L3", 1), ("L2", 1)], fixture.Outbox.Lines("all"));
        Assert.Equal(good, fixture.Outbox.Next("all", "L1")!.Decision);
        Assert.Null(fixture.Outbox.Next("bad", "L2"));
    }

    [Fact]
    public async Task What_waits_is_bounded_and_dead_letters_wait_again_on_request()
    {
        var mes = new Destination("mes", "https://mes") { MaxWaiting = 3 };
        await using var fixture = new OutboxFixture(mes);
        var ids = new List<long>();
        for (int i = 0; i < 5; i++) ids.Add(await fixture.LogAsync($"L{i % 2}"));
        await fixture.Outbox.TrimAsync(mes);
        Assert.Equal(ids[2..], fixture.Decisions("mes"));
        Assert.Equal(ids[..2], fixture.Decisions("mes", dead: true));
        Assert.Equal(new OutboxState("mes", 3, 2, fixture.Clock.GetUtcNow()), Assert.Single(fixture.Outbox.State()));
        // The decisions themselves are all there.
        Assert.Equal(5, fixture.Database.Read(c => c.Scalar<long>("SELECT count(*) FROM decisions")));

        Assert.Equal(0, await fixture.Outbox.RetryAsync("other", null));
        Assert.Equal(1, await fixture.Outbox.RetryAsync("mes", ids[1]));
        Assert.Equal(ids[1..], fixture.Decisions("mes"));
        Assert.Equal(1, await fixture.Outbox.RetryAsync(null, null));
        Assert.Equal(ids, fixture.Decisions("mes"));
    }

    [Fact]
    public async Task A_decision_that_retention_deletes_takes_its_rows_along()
    {
        await using var fixture = new OutboxFixture(new Destination("mes", "https://mes"));
        long old = await fixture.LogAsync("L"), young = await fixture.LogAsync("L");
        await fixture.Database.WriteAsync(c => c.Execute("DELETE FROM decisions WHERE id = $id", ("$id", old)));
        Assert.Equal([young], fixture.Decisions("mes"));
    }

    [Fact]
    public async Task Late_deliveries_and_dead_letters_of_a_category_are_told()
    {
        await using var fixture = new OutboxFixture(new Destination("mes", "https://mes"));
        await fixture.LogAsync("L", category: "caps");
        var first = fixture.Clock.GetUtcNow();
        var week = first.AddDays(-7);
        fixture.Clock.Advance(Outbox.Late);
        await fixture.LogAsync("L", category: "caps");
        Assert.Empty(fixture.Outbox.Troubles("caps", week));
        fixture.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Empty(fixture.Outbox.Troubles("discs", week));
        Assert.Equal([new OutboxState("mes", 1, 0, first)], fixture.Outbox.Troubles("caps", week));
        await fixture.Outbox.BuryAsync(fixture.Outbox.Next("mes", "L")!, "no");
        Assert.Equal([new OutboxState("mes", 0, 1, null)], fixture.Outbox.Troubles("caps", week));
        Assert.Empty(fixture.Outbox.Troubles("caps", fixture.Clock.GetUtcNow().AddSeconds(1)));
    }
}
