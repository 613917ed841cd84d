using Microsoft.Extensions.Options;
using SpadeCluster.Server.Admission;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>However many requests one caller has in progress or waiting, another one is admitted and gets its turn.</summary>
public sealed class FairnessTests
{
    private static IOptions<AdmissionOptions> Limits(int requests = 8, long bytes = 8000, int slots = 1) =>
        Options.Create(new AdmissionOptions { MaxRequests = requests, MaxBytes = bytes, Slots = slots });

    [Fact]
    public void A_caller_that_holds_all_it_may_leaves_a_quarter_to_another()
    {
        using var admission = new AdmissionControl(Limits());
        int held = 0;
        while (Fits(() => admission.Admit(10, "greedy"))) held++;
        Assert.Equal(6, held);
        Assert.True(Fits(() => admission.Admit(10, "other")));
    }

    [Fact]
    public void Bytes_that_a_caller_has_announced_leave_a_quarter_to_another()
    {
        using var admission = new AdmissionControl(Limits());
        Assert.True(Fits(() => admission.Admit(4000, "greedy")));
        Assert.False(Fits(() => admission.Admit(2001, "greedy")));
        Assert.True(Fits(() => admission.Admit(2000, "greedy")));
        Assert.True(Fits(() => admission.Admit(2000, "other")));
    }

    [Fact]
    public async Task Streams_of_a_caller_that_wait_for_themselves_keep_nobody_back()
    {
        using var admission = new AdmissionControl(Limits());
        var greedy = Enumerable.Range(0, 20).Select(_ => admission.AdmitInTurnAsync(10, default, "greedy")).ToList();
        Assert.Equal(3, greedy.Count(t => t.IsCompleted));
        Assert.True(admission.AdmitInTurnAsync(10, default, "other").IsCompleted);
        (await greedy[0]).Dispose();
        Assert.Equal(4, greedy.Count(t => t.IsCompleted));
    }

    [Fact]
    public async Task Chunks_of_a_caller_leave_a_quarter_of_the_bytes_to_another()
    {
        using var admission = new AdmissionControl(Limits());
        var greedy = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => admission.AdmitInTurnAsync(100, default, "greedy")));
        // Three quarters of the 4000 bytes of streams, then one image beside them, then no more.
        var grown = greedy.Select(place => place.GrowAsync(1400, default)).ToList();
        Assert.Equal([true, true, false], grown.Select(t => t.IsCompleted));
        var other = await admission.AdmitInTurnAsync(100, default, "other");
        Assert.True(other.GrowAsync(900, default).IsCompleted);
        Assert.False(grown[2].IsCompleted);
        greedy[0].Dispose();
        Assert.True(grown[2].IsCompleted);
        foreach (var place in greedy.Append(other)) place.Dispose();
        Assert.Equal((0, 0L), (admission.Requests, admission.Bytes));
    }

    [Fact]
    public async Task Callers_take_turns_however_many_one_has_waiting()
    {
        var slots = new ScoringSlots(Limits());
        var hold = new TaskCompletionSource();
        var order = new List<string>();
        var first = slots.RunAsync("greedy", async () => { await hold.Task; return 0; }, default);
        var greedy = Enumerable.Range(0, 50).Select(_ => Score("greedy")).ToList();
        var other = Score("other");
        using var stop = new CancellationTokenSource();
        var gone = slots.RunAsync("gone", () => ValueTask.FromResult(0), stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        hold.SetResult();
        await Task.WhenAll([first, other, .. greedy]);
        Assert.Equal(1, order.IndexOf("other"));
        Assert.Equal(0, slots.Busy);

        Task<int> Score(string caller) => slots.RunAsync(caller, () =>
        {
            order.Add(caller);
            return ValueTask.FromResult(0);
        }, default);
    }

    private static bool Fits(Func<AdmissionControl.Admission> take)
    {
        try
        {
            take();
            return true;
        }
        catch (SpadeException e) when (e.Error == SpadeError.ResourceExhausted)
        {
            return false;
        }
    }
}
