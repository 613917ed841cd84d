using System.Collections.Concurrent;
using SpadeCluster.Features;

namespace SpadeCluster.Inference;

/// <summary>
/// Extractors by what they were opened for, each opened once, by whoever asks first; others wait for that. A failed attempt is
/// not kept: the next call tries again, with a repaired file or a device that is back.
/// </summary>
internal sealed class OpenExtractors<TKey> : IDisposable where TKey : notnull
{
    private readonly ConcurrentDictionary<TKey, Lazy<IFeatureExtractor>> _all = new();

    public IEnumerable<IFeatureExtractor> All => _all.Values.Where(e => e.IsValueCreated).Select(e => e.Value);

    /// <exception cref="Exception">What <paramref name="open"/> throws.</exception>
    public IFeatureExtractor Get(TKey key, Func<IFeatureExtractor> open)
    {
        var entry = _all.GetOrAdd(key, _ => new Lazy<IFeatureExtractor>(open));
        try
        {
            return entry.Value;
        }
        catch
        {
            // This very attempt, not one that somebody else has begun since: a Lazy would throw its exception for ever.
            _all.TryRemove(KeyValuePair.Create(key, entry));
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var extractor in All) extractor.Dispose();
    }
}
