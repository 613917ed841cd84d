using System.Collections.Concurrent;
using System.Threading.Channels;

namespace SpadeCluster.Server.Decisions;

/// <summary>Sends news to all listeners. A listener that is too slow misses the oldest, and does not delay the others.</summary>
public abstract class Feed<T>
{
    private readonly ConcurrentDictionary<Channel<T>, bool> _listeners = new();

    public int Listeners => _listeners.Count;

    public void Publish(T item)
    {
        foreach (var listener in _listeners.Keys) listener.Writer.TryWrite(item);
    }

    /// <summary>Listens from now on, until disposed.</summary>
    public Listener Listen()
    {
        var channel = Channel.CreateBounded<T>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest });
        _listeners.TryAdd(channel, true);
        return new Listener(channel.Reader, () => _listeners.TryRemove(channel, out _));
    }

    /// <summary>A listener.</summary>
    public sealed class Listener(ChannelReader<T> items, Action end) : IDisposable
    {
        public ChannelReader<T> Items => items;

        public void Dispose() => end();
    }
}

/// <summary>New decisions.</summary>
public sealed class DecisionFeed : Feed<Decision>;
