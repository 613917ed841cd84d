using System.Threading.Channels;

namespace SpadeCluster.Server.Tests;

/// <summary>A clock that a test moves; timers fire while it is moved, on the test's thread.</summary>
internal sealed class SetClock(DateTimeOffset now) : TimeProvider
{
    private readonly List<Timer> _timers = [];
    private readonly Channel<TimeSpan> _waits = Channel.CreateUnbounded<TimeSpan>();
    private DateTimeOffset _now = now;
    private TimeSpan _set;

    /// <summary>The time of each new timer, in order: a test reads it to know that somebody waits, and for how long.</summary>
    public ChannelReader<TimeSpan> Waits => _waits.Reader;

    public override DateTimeOffset GetUtcNow() => _now + _set;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.UtcTicks;

    /// <summary>Sets the time of day back or ahead, while no time passes for timers.</summary>
    public void Set(TimeSpan by) => _set += by;

    public void Advance(TimeSpan time)
    {
        var end = _now + time;
        while (Next(end) is { } next)
        {
            _now = next.Due;
            next.Fire();
        }
        _now = end;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        lock (_timers) _timers.Add(timer);
        timer.Change(dueTime, period);
        _waits.Writer.TryWrite(dueTime);
        return timer;
    }

    private Timer? Next(DateTimeOffset end)
    {
        lock (_timers) return _timers.Where(t => t.Due <= end).MinBy(t => t.Due);
    }

    private sealed class Timer(SetClock clock, Action callback) : ITimer
    {
        private TimeSpan _period;

        public DateTimeOffset Due { get; private set; }

        public void Fire()
        {
            Due = _period > TimeSpan.Zero ? Due + _period : DateTimeOffset.MaxValue;
            callback();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            Due = dueTime < TimeSpan.Zero ? DateTimeOffset.MaxValue : clock._now + dueTime;
            if (dueTime == TimeSpan.Zero) Fire();
            return true;
        }

        public void Dispose()
        {
            lock (clock._timers) clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
