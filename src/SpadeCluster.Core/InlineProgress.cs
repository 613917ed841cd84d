namespace SpadeCluster;

/// <summary>Reports on the reporter's thread, in order; <see cref="Progress{T}"/> uses the thread pool, which does not keep the
/// order.</summary>
public sealed class InlineProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
