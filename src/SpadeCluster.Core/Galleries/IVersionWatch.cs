namespace SpadeCluster.Galleries;

/// <summary>Tells which version of a category is current, and when another one is.</summary>
public interface IVersionWatch
{
    /// <returns>The current version's number as soon as it is another one than <paramref name="seen"/>; now and then
    /// <paramref name="seen"/> again, which only says that the watch goes on.</returns>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    ValueTask<int> WaitAsync(string category, int? seen, CancellationToken cancellationToken = default);
}
