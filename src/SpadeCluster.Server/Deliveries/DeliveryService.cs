using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Storage;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Deliveries;

/// <summary>Delivers decisions to all destinations. Of several servers with one database, one at a time delivers to a
/// destination.</summary>
internal sealed partial class DeliveryService(IReadOnlyList<Destination> destinations, Outbox outbox, DecisionLog log,
    DecisionPictures pictures, ServerDatabase database, ServerMetrics metrics, TimeProvider clock, ILogger<DeliveryService> logger)
    : BackgroundService
{
    private static readonly TimeSpan BetweenLeases = TimeSpan.FromSeconds(2);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(destinations.Select(d => Task.Run(() => RunAsync(d, stoppingToken), CancellationToken.None)));

    private async Task RunAsync(Destination destination, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using (var lease = database.TryLease($"outbox {destination.Name}"))
                {
                    if (lease is not null)
                    {
                        await using var sender = ISender.Of(destination, clock);
                        await new DestinationDelivery(destination, sender, outbox, log, pictures, metrics, clock, logger)
                            .RunAsync(lease, stop);
                    }
                }
                await Task.Delay(BetweenLeases, clock, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(destination.Name, e.Message);
                await Task.Delay(BetweenLeases, clock, stop);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "destination {Destination}: deliveries stopped ({Problem}); they start again")]
    private partial void LogFailed(string destination, string problem);
}
