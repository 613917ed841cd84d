using System.Reflection;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>A gallery store that records calls, and with which a test can delay the reading of pyramids.</summary>
public class WatchedStore : DispatchProxy
{
    private readonly Lock _lock = new();
    private readonly List<int> _pins = [], _pinned = [];
    private IGalleryStore _store = null!;
    private TaskCompletionSource _happened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Awaited before a pyramid is read.</summary>
    public Func<Task> Gate { get; set; } = () => Task.CompletedTask;

    /// <summary>Pins taken so far: opening a shard or a gallery takes one.</summary>
    public int Pins { get { lock (_lock) return _pins.Count; } }

    public static IGalleryStore Over(IGalleryStore store, out WatchedStore watched)
    {
        var proxy = Create<IGalleryStore, WatchedStore>();
        watched = (WatchedStore)(object)proxy;
        watched._store = store;
        return proxy;
    }

    /// <summary>Pins of a version taken so far.</summary>
    public int PinsOf(int version) { lock (_lock) return _pins.Count(v => v == version); }

    /// <summary>Pins of a version that are held now.</summary>
    public int HeldOf(int version) { lock (_lock) return _pinned.Count(v => v == version); }

    /// <summary>Waits until a condition holds; looks again after every pin, the end of one, and every published version.</summary>
    public async Task WhenAsync(Func<ValueTask<bool>> condition, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (_lock) next = _happened.Task;
            if (await condition()) return;
            await next.WaitAsync(cancellationToken);
        }
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        // Unwrapped, so that callers see what the store threw.
        object? Answer() => targetMethod!.Invoke(_store, BindingFlags.DoNotWrapExceptions, null, args, null);
        return targetMethod!.Name switch
        {
            nameof(IGalleryStore.PinAsync) => PinAsync((int)args![1]!, Answer),
            nameof(IGalleryStore.PublishAsync) => PublishAsync(Answer),
            nameof(IGalleryStore.ReadPyramidAsync) => ReadPyramidAsync(Answer),
            _ => Answer(),
        };
    }

    private async ValueTask<IDisposable> PinAsync(int version, Func<object?> pin)
    {
        var held = await (ValueTask<IDisposable>)pin()!;
        Tell(() =>
        {
            _pins.Add(version);
            _pinned.Add(version);
        });
        return new Unpin(() =>
        {
            held.Dispose();
            Tell(() => _pinned.Remove(version));
        });
    }

    private async ValueTask PublishAsync(Func<object?> publish)
    {
        await (ValueTask)publish()!;
        Tell(() => { });
    }

    private async ValueTask<FeaturePyramid> ReadPyramidAsync(Func<object?> read)
    {
        await Gate();
        return await (ValueTask<FeaturePyramid>)read()!;
    }

    private void Tell(Action change)
    {
        lock (_lock)
        {
            change();
            _happened.SetResult();
            _happened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class Unpin(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
