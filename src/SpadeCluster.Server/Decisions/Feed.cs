using System.Collections.Concurrent;
using System.Threading.Channels;

namespace SpadeCluster.Server.Decisions;

/// <summary>Tells every listener what is new. One that does not keep up misses the oldest, and never holds up the rest.</summary>
public abstract class Feed<T>
{
    private readonly ConcurrentDictionary<Channel<T>, bool> _listeners = new();

    public int Listeners => _listeners.Count;

    public void Publish(T item)
    {
        foreach (var listener in _listeners.Keys) listener.Writer.TryWrite(item);
    }

    /// <summary>Hears everything from now on; dispose to stop.</summary>
    public Listener Listen()
    {
        var channel = Channel.CreateBounded<T>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest });
        _listeners.TryAdd(channel, true);
        return new Listener(channel.Reader, () => _listeners.TryRemove(channel, out _));
    }

    /// <summary>One who listens.</summary>
    public sealed class Listener(ChannelReader<T> items, Action end) : IDisposable
    {
        public ChannelReader<T> Items => items;

        public void Dispose() => end();
    }
}

/// <summary>Decisions as they are made.</summary>
public sealed class DecisionFeed : Feed<Decision>;
