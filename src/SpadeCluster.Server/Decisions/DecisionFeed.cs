using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace SpadeCluster.Server.Decisions;

/// <summary>Tells every listener of new decisions. One that does not keep up misses the oldest, and never holds up the rest.</summary>
public sealed class DecisionFeed
{
    private readonly ConcurrentDictionary<Channel<Decision>, bool> _listeners = new();

    public int Listeners => _listeners.Count;

    public void Publish(Decision decision)
    {
        foreach (var listener in _listeners.Keys) listener.Writer.TryWrite(decision);
    }

    public async IAsyncEnumerable<Decision> ListenAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var channel = Channel.CreateBounded<Decision>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest });
        _listeners.TryAdd(channel, true);
        try
        {
            await foreach (var decision in channel.Reader.ReadAllAsync(cancellationToken)) yield return decision;
        }
        finally
        {
            _listeners.TryRemove(channel, out _);
        }
    }
}
