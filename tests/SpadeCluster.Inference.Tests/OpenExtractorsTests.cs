using SpadeCluster.Features;
using SpadeCluster.Inference.OnnxRuntime;

namespace SpadeCluster.Inference.Tests;

public class OpenExtractorsTests
{
    [Fact]
    public void A_failed_start_is_not_kept_and_a_good_one_is()
    {
        using var extractors = new OpenExtractors<string>();
        var model = SmallModels.Of(g => g.Node("Relu", "level", ["image"]));
        int calls = 0;
        IFeatureExtractor Open() => ++calls == 1 ? throw new SpadeException(SpadeError.Unavailable, "the device is away")
            : new OnnxRuntimeExtractor(model);

        Assert.Throws<SpadeException>(() => extractors.Get("a", Open));
        Assert.Empty(extractors.All);
        var first = extractors.Get("a", Open);
        Assert.Same(first, extractors.Get("a", Open));
        Assert.NotSame(first, extractors.Get("b", Open));
        Assert.Equal((3, 2), (calls, extractors.All.Count()));
    }

    [Fact]
    public async Task Disposing_waits_for_an_extractor_that_is_being_opened()
    {
        var extractors = new OpenExtractors<string>();
        var model = SmallModels.Of(g => g.Node("Relu", "level", ["image"]));
        TaskCompletionSource begun = new(), finish = new();
        var opening = Task.Run(() => extractors.Get("a", () =>
        {
            begun.SetResult();
            finish.Task.Wait();
            return new OnnxRuntimeExtractor(model);
        }));
        await begun.Task;
        var disposing = Task.Run(extractors.Dispose);
        Assert.False(disposing.IsCompleted);
        finish.SetResult();
        await disposing.WaitAsync(TimeSpan.FromMinutes(1));
        var opened = await opening;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => opened.ExtractAsync([], []).AsTask());
    }
}
