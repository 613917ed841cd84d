namespace SpadeCluster.Galleries;

/// <summary>Watches the number of a category's current version.</summary>
public interface IVersionWatch
{
    /// <returns>The current version's number as soon as it differs from <paramref name="seen"/>; after some time also
    /// <paramref name="seen"/> itself, after which the caller asks again.</returns>
    /// <exception cref="SpadeException">NotFound: no such category.</exception>
    ValueTask<int> WaitAsync(string category, int? seen, CancellationToken cancellationToken = default);
}
