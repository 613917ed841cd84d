using System.Collections.Concurrent;
using SpadeCluster.Features;

namespace SpadeCluster.Inference;

/// <summary>
/// Open extractors by key. The first caller opens an extractor, others wait for it. A failed attempt is not kept: the next call tries
/// again, perhaps with a repaired file or a device that works again.
/// </summary>
internal sealed class OpenExtractors<TKey> : IDisposable where TKey : notnull
{
    private readonly ConcurrentDictionary<TKey, Lazy<IFeatureExtractor>> _all = new();

    public IEnumerable<IFeatureExtractor> All => _all.Values.Where(e => e.IsValueCreated).Select(e => e.Value);

    /// <exception cref="Exception">The exception of <paramref name="open"/>.</exception>
    public IFeatureExtractor Get(TKey key, Func<IFeatureExtractor> open)
    {
        var entry = _all.GetOrAdd(key, _ => new Lazy<IFeatureExtractor>(open));
        try
        {
            return entry.Value;
        }
        catch
        {
            // A Lazy keeps its exception. Only this attempt is removed, not a new one of another caller.
            _all.TryRemove(KeyValuePair.Create(key, entry));
            throw;
        }
    }

    /// <summary>Waits for extractors that are being opened: a process must not end while ONNX Runtime makes a session.</summary>
    public void Dispose()
    {
        foreach (var entry in _all.Values)
        {
            try
            {
                entry.Value.Dispose();
            }
            catch (SpadeException)
            {
                // It could not be opened; its caller knows.
            }
        }
    }
}
