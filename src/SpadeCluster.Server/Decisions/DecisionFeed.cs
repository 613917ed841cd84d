using System.Collections.Concurrent;
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

    /// <summary>Hears everything from now on; dispose to stop.</summary>
    public Listener Listen()
    {
        var channel = Channel.CreateBounded<Decision>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropOldest });
        _listeners.TryAdd(channel, true);
        return new Listener(channel.Reader, () => _listeners.TryRemove(channel, out _));
    }

    /// <summary>One who listens.</summary>
    public sealed class Listener(ChannelReader<Decision> decisions, Action end) : IDisposable
    {
        public ChannelReader<Decision> Decisions => decisions;

        public void Dispose() => end();
    }
}
