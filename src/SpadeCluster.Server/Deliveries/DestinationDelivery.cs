using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Storage;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Deliveries;

/// <summary>Delivers to one destination while this server has the lease: lines side by side, the rows of a line in order.</summary>
internal sealed partial class DestinationDelivery(Destination destination, ISender sender, Outbox outbox, DecisionLog log,
    DecisionPictures pictures, ServerMetrics metrics, TimeProvider clock, ILogger logger)
{
    /// <summary>Events on their way at once, which bounds the memory of their pictures.</summary>
    private const int MostSends = 8;

    /// <summary>Lines in progress at once.</summary>
    private const int MostLines = 1000;

    /// <summary>Finds what other servers recorded, and rows that are to be sent again.</summary>
    private static readonly TimeSpan BetweenScans = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _sends = new(MostSends);
    private readonly Pace _pace = new(destination.PerSecond, clock);
    private readonly ConcurrentDictionary<string, Task> _busy = new(StringComparer.Ordinal);
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(
        new BoundedChannelOptions(MostLines) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Delivers until stopped, or until the lease is lost.</summary>
    public async Task RunAsync(ILease lease, CancellationToken stop)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        outbox.Recorded += Wake;
        var scans = ScanAsync(lease, ending);
        try
        {
            await foreach (string line in _lines.Reader.ReadAllAsync(ending.Token)) Start(line, lease, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Stopped, or the lease is lost.
        }
        outbox.Recorded -= Wake;
        await scans;
        await Task.WhenAll(_busy.Values);
    }

    private void Wake(string to, string line)
    {
        if (to == destination.Name) _lines.Writer.TryWrite(line);
    }

    private async Task ScanAsync(ILease lease, CancellationTokenSource ending)
    {
        using var timer = new PeriodicTimer(BetweenScans, clock);
        try
        {
            while (lease.IsHeld())
            {
                try
                {
                    var waiting = outbox.Lines(destination.Name);
                    if (waiting.Sum(l => l.Rows) > destination.MaxWaiting) await outbox.TrimAsync(destination);
                    foreach (var (line, _) in waiting.Take(MostLines)) _lines.Writer.TryWrite(line);
                }
                catch (SpadeException e)
                {
                    LogFailed(destination.Name, e.Message);
                }
                await timer.WaitForNextTickAsync(ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The server stops.
        }
        await ending.CancelAsync();
    }

    private void Start(string line, ILease lease, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_busy.Count >= MostLines || !_busy.TryAdd(line, done.Task)) return;
        _ = Task.Run(async () =>
        {
            try
            {
                await new LineDelivery(destination, outbox, (row, c) => SendAsync(row, lease, c), clock, logger)
                    .RunAsync(line, () => metrics.Delivered(destination.Name), cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // The rows stay.
            }
            catch (Exception e)
            {
                // The next scan starts the line again.
                LogFailed(destination.Name, e.Message);
            }
            finally
            {
                _busy.TryRemove(line, out _);
                done.SetResult();
            }
        }, CancellationToken.None);
    }

    private async Task<bool> SendAsync(OutboxRow row, ILease lease, CancellationToken cancellationToken)
    {
        await _sends.WaitAsync(cancellationToken);
        try
        {
            await _pace.WaitAsync(cancellationToken);
            if (!lease.IsHeld()) throw new OperationCanceledException("another server delivers now");
            // The row may have become a dead letter, or its decision too old, since the last try.
            if (!outbox.IsWaiting(row)) return false;
            var decision = log.Get(row.Decision);
            await sender.SendAsync(new Delivery(DecisionEvent.IdOf(destination.Name, row.Decision), row.Line, row.Category,
                DecisionEvent.Of(decision, destination, pictures).ToJson()), cancellationToken);
            return true;
        }
        finally
        {
            _sends.Release();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "destination {Destination}: {Problem}; the next attempt is in a second")]
    private partial void LogFailed(string destination, string problem);
}
