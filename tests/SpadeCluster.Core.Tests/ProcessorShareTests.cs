namespace SpadeCluster.Core.Tests;

/// <summary>Other tests of this process use processors at the same time, so shares may be smaller than those of this test alone.</summary>
public sealed class ProcessorShareTests
{
    [Fact]
    public void As_many_stages_as_processors_have_one_each()
    {
        var stages = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => ProcessorShare.Begin()).ToArray();
        for (int i = 0; i < stages.Length; i++) Assert.InRange(stages[i].Threads, 1, Environment.ProcessorCount / (i + 1));
        Assert.Equal(1, stages[^1].Threads);
        foreach (var stage in stages) stage.Dispose();
    }

    [Fact]
    public void Threads_that_were_asked_for_are_given()
    {
        using var many = ProcessorShare.Begin();
        using var chosen = ProcessorShare.Begin(3);
        Assert.Equal(3, chosen.Threads);
    }
}
