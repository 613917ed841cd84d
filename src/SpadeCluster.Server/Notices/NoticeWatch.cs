using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.Notices;

/// <summary>Checks for notices every few seconds, for pages, metrics and listeners.</summary>
public sealed partial class NoticeWatch(NoticeService notices, TimeProvider clock, ILogger<NoticeWatch> logger) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        try
        {
            do
            {
                try
                {
                    await notices.LookAsync(stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogFailed(e);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "notices could not be checked; the next attempt is in some seconds")]
    private partial void LogFailed(Exception exception);
}
