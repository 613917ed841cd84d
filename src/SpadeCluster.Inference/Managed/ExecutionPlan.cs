namespace SpadeCluster.Inference.Managed;

/// <summary>A graph made ready to run for one image: steps in order and all memory laid out.</summary>
internal sealed record ExecutionPlan(
    IReadOnlyList<Step> Steps, Value Input, IReadOnlyList<ToPixels> Levels, Value Pooled, NativeBuffer Arena) : IDisposable
{
    public void Dispose()
    {
        foreach (var step in Steps) step.Dispose();
        Arena.Dispose();
    }
}
