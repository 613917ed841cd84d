namespace SpadeCluster.Server.Galleries;

/// <summary>Reports on the caller's thread, in order.</summary>
internal sealed class InlineProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
