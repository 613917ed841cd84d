using Microsoft.Extensions.Options;
using SpadeCluster.Server.Admission;

namespace SpadeCluster.Cluster.Tests.Grpc;

/// <summary>Which requests are admitted, wait or are refused; each step is one call, and no step waits for time to pass.</summary>
public sealed class AdmissionControlTests
{
    [Fact]
    public void Streams_that_hold_and_wait_for_all_they_can_leave_half_to_unary_calls()
    {
        using var admission = With(requests: 8, bytes: 8000);
        var streams = Enumerable.Range(0, 12).Select(_ => admission.AdmitInTurnAsync(10, default)).ToList();
        Assert.Equal(4, streams.Count(s => s.IsCompleted));
        for (int round = 0; round < 60; round++)
        {
            var unary = Enumerable.Range(0, 4).Select(_ => admission.Admit(10)).ToList();
            Assert.Equal(8, admission.Requests);
            Refused(() => admission.Admit(10));
            foreach (var place in unary) place.Dispose();
        }
    }

    [Fact]
    public void Unary_calls_that_come_all_the_time_leave_half_to_streams()
    {
        using var admission = With(requests: 4, bytes: 8000);
        var unary = new Queue<AdmissionControl.Admission>(Enumerable.Range(0, 4).Select(_ => admission.Admit(10)));
        var stream = admission.AdmitInTurnAsync(10, default);
        Assert.False(stream.IsCompleted);
        unary.Dequeue().Dispose();
        Assert.True(stream.IsCompletedSuccessfully, "the freed place is the stream's");
        var second = admission.AdmitInTurnAsync(10, default);
        unary.Dequeue().Dispose();
        Assert.True(second.IsCompletedSuccessfully);
        Assert.False(admission.AdmitInTurnAsync(10, default).IsCompleted, "streams have at most half");
        unary.Dequeue().Dispose();
        unary.Enqueue(admission.Admit(10));
        Refused(() => admission.Admit(10));
    }

    [Fact]
    public async Task Bytes_are_shared_in_the_same_way()
    {
        using var admission = With(requests: 100, bytes: 1000);
        using var first = await admission.AdmitInTurnAsync(500, default);
        var waits = admission.AdmitInTurnAsync(1, default);
        Assert.False(waits.IsCompleted);
        using (admission.Admit(500)) Refused(() => admission.Admit(1));
        Assert.Equal(500, admission.Bytes);
        first.Dispose();
        Assert.True(waits.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Unfinished_images_that_fill_the_gateway_finish_one_after_the_other_within_one_image_of_the_limit()
    {
        using var admission = With(requests: 100, bytes: 2000);
        var places = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => admission.AdmitInTurnAsync(100, default)));
        var newcomer = admission.AdmitInTurnAsync(100, default);
        // Each needs 900 bytes more, in three chunks. Without one that may go over the limit, all ten would wait for each other.
        var unfinished = places.Select(place => (Place: place, Chunks: 1, Last: place.GrowAsync(300, default))).ToList();
        long most = 0;
        bool admitted = false;
        while (unfinished.Count > 0)
        {
            int next = unfinished.FindIndex(u => u.Last.IsCompletedSuccessfully);
            Assert.True(next >= 0, $"one of {unfinished.Count} images should go on");
            most = Math.Max(most, admission.Bytes);
            var (place, chunks, _) = unfinished[next];
            unfinished.RemoveAt(next);
            if (chunks < 3) unfinished.Add((place, chunks + 1, place.GrowAsync(300, default)));
            else place.Dispose();
            if (newcomer.IsCompleted == admitted) continue;
            admitted = true;
            Assert.True(unfinished.TrueForAll(u => u.Last.IsCompleted), "new images come after the chunks of old ones");
        }
        Assert.InRange(most, 1001, 2000);
        (await newcomer).Dispose();
        Assert.Equal((0, 0L), (admission.Requests, admission.Bytes));
    }

    [Fact]
    public async Task One_who_gives_up_waiting_keeps_nobody_back()
    {
        using var admission = With(requests: 100, bytes: 1000);
        using var first = await admission.AdmitInTurnAsync(300, default);
        using var stop = new CancellationTokenSource();
        var large = admission.AdmitInTurnAsync(400, stop.Token);
        var small = admission.AdmitInTurnAsync(100, default);
        Assert.False(small.IsCompleted, "it is not its turn");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        (await small).Dispose();
        Assert.Equal((1, 300L), (admission.Requests, admission.Bytes));
    }

    [Fact]
    public async Task A_place_is_given_back_once_and_may_be_emptied_before()
    {
        using var admission = With(requests: 100, bytes: 1000);
        var place = await admission.AdmitInTurnAsync(200, default);
        await place.GrowAsync(50, default);
        Assert.Equal((1, 250L), (admission.Requests, admission.Bytes));
        place.Empty();
        Assert.Equal((1, 0L), (admission.Requests, admission.Bytes));
        place.Dispose();
        place.Dispose();
        Assert.Equal((0, 0L), (admission.Requests, admission.Bytes));
    }

    private static AdmissionControl With(int requests, long bytes) =>
        new(Options.Create(new AdmissionOptions { MaxRequests = requests, MaxBytes = bytes }));

    private static void Refused(Func<object> call)
    {
        var e = Assert.Throws<SpadeException>(call);
        Assert.Equal(SpadeError.ResourceExhausted, e.Error);
        Assert.NotNull(e.RetryAfter);
    }
}
