namespace SpadeCluster;

/// <summary>Reports on the reporter's thread, in order; <see cref="Progress{T}"/> would go through the thread pool and lose
/// the order.</summary>
public sealed class InlineProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
