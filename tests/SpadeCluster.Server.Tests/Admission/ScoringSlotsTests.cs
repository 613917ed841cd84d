using Microsoft.Extensions.Options;
using SpadeCluster.Server.Admission;

namespace SpadeCluster.Server.Tests.Admission;

/// <summary>Work that yields never delays an image.</summary>
public sealed class ScoringSlotsTests
{
    private readonly ScoringSlots _slots = new(Options.Create(new AdmissionOptions { Slots = 1 }));

    [Fact]
    public async Task An_image_gets_the_slot_of_work_that_yields_at_once()
    {
        var (started, unwound) = (new TaskCompletionSource(), new TaskCompletionSource());
        var yielding = _slots.RunYieldingAsync<int>(async stop =>
        {
            started.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, stop);
            }
            finally
            {
                // It takes its time to end.
                await unwound.Task;
            }
            return 0;
        }, default);
        await started.Task;
        // Both images are done although the work has not ended, so neither waited for it.
        Assert.Equal(1, await _slots.RunAsync("line", () => ValueTask.FromResult(1), default));
        Assert.Equal(2, await _slots.RunAsync("line", () => ValueTask.FromResult(2), default));
        Assert.False(yielding.IsCompleted);
        unwound.SetResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => yielding);
        Assert.Equal(0, _slots.Busy);
    }

    [Fact]
    public async Task Work_that_yields_begins_after_all_images_that_wait()
    {
        var hold = new TaskCompletionSource();
        var order = new List<string>();
        var first = _slots.RunAsync("a", async () => { await hold.Task; return 0; }, default);
        using var stop = new CancellationTokenSource();
        var gone = _slots.RunYieldingAsync(_ => ValueTask.FromResult(0), stop.Token);
        var yielding = _slots.RunYieldingAsync(_ => Note("shadow"), default);
        var images = Enumerable.Range(0, 5).Select(i => _slots.RunAsync($"line {i}", () => Note("image"), default)).ToList();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        hold.SetResult();
        await Task.WhenAll([first, yielding, .. images]);
        Assert.Equal([.. Enumerable.Repeat("image", 5), "shadow"], order);
        Assert.Equal(0, _slots.Busy);

        ValueTask<int> Note(string what)
        {
            order.Add(what);
            return ValueTask.FromResult(0);
        }
    }
}
