using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Shards;

/// <summary>
/// How many gallery silos this gateway asks for each shard of a category: more while many calls are in progress there. A silo opens a shard
/// when it is asked for the first time; when it is asked no more, the memory of the shard is free for others (<see cref="ShardCache"/>).
/// Other gateways are taken to have as many calls.
/// </summary>
internal sealed class HotCategories(IOptions<GalleryOptions> options, ISiloDirectory silos, TimeProvider clock)
{
    /// <summary>Time of one mean. After it, a category gets one replica more at most, so that the next mean shows its effect.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>A replica is given up when the others would have this share of <see cref="GalleryOptions.CallsPerReplica"/>. Calls wait
    /// for each other, so their number grows faster than the load: with a larger share, replicas would come and go.</summary>
    private const double ReleaseShare = 0.25;

    private readonly ConcurrentDictionary<string, Load> _loads = new();

    /// <summary>Counts a call to one of the category's shards until it is disposed.</summary>
    /// <param name="shards">Shards of the category.</param>
    public CallInFlight Begin(string category, int shards)
    {
        var load = _loads.GetOrAdd(category, static (_, now) => new Load(now), clock.GetTimestamp());
        double share = 1.0 / shards;
        return new CallInFlight(options.Value.Replicas + Change(load, share), () => Change(load, -share));
    }

    /// <returns>Replicas in addition to the configured ones.</returns>
    private int Change(Load load, double calls)
    {
        lock (load)
        {
            long now = clock.GetTimestamp();
            load.Sum += load.InFlight * clock.GetElapsedTime(load.Changed, now).TotalSeconds;
            (load.InFlight, load.Changed) = (load.InFlight + calls, now);
            var time = clock.GetElapsedTime(load.Began, now);
            if (time >= Period)
            {
                load.More = Decide(load.More, load.Sum / time.TotalSeconds);
                (load.Sum, load.Began) = (0, now);
            }
            return load.More;
        }
    }

    /// <param name="more">Additional replicas until now.</param>
    /// <param name="calls">Mean number of this gateway's calls in progress at a shard, in all replicas together.</param>
    private int Decide(int more, double calls)
    {
        double each = options.Value.CallsPerReplica;
        if (each == 0) return 0;
        int replicas = options.Value.Replicas, most = silos.With(SiloRole.Gallery).Count;
        calls *= Math.Max(1, silos.With(SiloRole.Gateway).Count);
        if (calls > each * (replicas + more) && replicas + more < most) return more + 1;
        while (more > 0 && calls < ReleaseShare * each * (replicas + more - 1)) more--;
        return more;
    }

    /// <summary>Used under its lock.</summary>
    private sealed class Load(long now)
    {
        /// <summary>Calls now, per shard.</summary>
        public double InFlight { get; set; }

        /// <summary>Of calls x seconds in the current period.</summary>
        public double Sum { get; set; }
        public long Began { get; set; } = now;
        public long Changed { get; set; } = now;
        public int More { get; set; }
    }
}

/// <summary>A call to a shard, in progress until this is disposed.</summary>
/// <param name="replicas">Gallery silos that may be asked.</param>
internal readonly struct CallInFlight(int replicas, Action end) : IDisposable
{
    public int Replicas => replicas;

    public void Dispose() => end();
}
