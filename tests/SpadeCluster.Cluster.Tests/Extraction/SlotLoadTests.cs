using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Cluster.Extraction;

namespace SpadeCluster.Cluster.Tests.Extraction;

public sealed class SlotLoadTests
{
    private readonly ManualClock _clock = new();
    private readonly Queue<TaskCompletionSource<int>> _questions = [];
    private readonly SlotLoad _load;

    public SlotLoadTests() => _load = new SlotLoad(_clock);

    [Fact]
    public async Task Others_are_what_the_slot_has_beside_our_own()
    {
        for (int i = 0; i < 3; i++) _load.Begin();
        var asked = Ask();
        Assert.False(asked.IsCompleted);
        _load.End();
        _questions.Peek().SetResult(7);
        await asked.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((2, 7), (_load.Own, _load.InFlight));
        _load.End();
        Assert.Equal((1, 6), (_load.Own, _load.InFlight));
    }

    [Fact]
    public async Task One_question_at_a_time_and_none_while_the_answer_is_fresh()
    {
        var (first, second) = (Ask(), Ask());
        Assert.Single(_questions);
        _questions.Peek().SetResult(4);
        await Task.WhenAll(first, second).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(Ask().IsCompleted);
        Assert.Single(_questions);
        _clock.Advance(SlotLoad.AskInterval);
        var asked = Ask();
        Assert.False(asked.IsCompleted);
        Assert.Equal(2, _questions.Count);
    }

    [Fact]
    public async Task A_slot_that_does_not_answer_is_waited_for_once()
    {
        var asked = Ask();
        Assert.False(asked.IsCompleted);
        _clock.Advance(SlotLoad.AnswerTimeout);
        await asked.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(Ask().IsCompleted);
        Assert.Single(_questions);

        // A late answer is used; after a failed question the load is unknown.
        _questions.Dequeue().SetResult(5);
        Assert.Equal(5, _load.InFlight);
        _clock.Advance(SlotLoad.AskInterval);
        asked = Ask();
        _questions.Dequeue().SetException(new TimeoutException());
        await asked.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, _load.InFlight);
    }

    [Fact]
    public async Task What_was_said_long_ago_no_longer_counts()
    {
        _load.Begin();
        var asked = Ask();
        _questions.Peek().SetResult(4);
        await asked.WaitAsync(TimeSpan.FromSeconds(30));
        _clock.Advance(SlotLoad.AnswerLifetime - TimeSpan.FromTicks(1));
        Assert.Equal(4, _load.InFlight);
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(1, _load.InFlight);
    }

    [Fact]
    public async Task A_slow_answer_is_fresh_from_when_it_came()
    {
        var first = Ask();
        Assert.False(first.IsCompleted);
        _clock.Advance(SlotLoad.AnswerTimeout + SlotLoad.AskInterval);
        Assert.True(Ask().IsCompleted);
        _questions.Peek().SetResult(2);
        await Ask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Single(_questions);
        Assert.Equal(2, _load.InFlight);
    }

    private Task Ask() => _load.AskAsync(() =>
    {
        _questions.Enqueue(new TaskCompletionSource<int>());
        return _questions.Last().Task;
    });
}
