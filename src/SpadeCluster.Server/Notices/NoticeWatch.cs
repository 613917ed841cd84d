using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.Notices;

/// <summary>Looks for notices every few seconds, so that pages, metrics and listeners hear of them soon.</summary>
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
            // The server ends.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "notices could not be looked for; the next attempt is in some seconds")]
    private partial void LogFailed(Exception exception);
}
