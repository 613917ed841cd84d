using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace SpadeCluster.Server.Deliveries;

/// <summary>
/// Delivers the rows of a line one after the other: the next one is sent after the one before was acknowledged or became a dead letter.
/// </summary>
/// <param name="send">Sends a row, unless it waits no more. Returns whether it was acknowledged.</param>
internal sealed partial class LineDelivery(Destination destination, Outbox outbox, Func<OutboxRow, CancellationToken, Task<bool>> send,
    TimeProvider clock, ILogger logger)
{
    /// <summary>Tries of an event that the receiver itself refuses; others are tried until <see cref="Destination.GiveUpAfter"/>.</summary>
    public const int MostRefusals = 5;

    /// <summary>Time before the second try; it doubles with every further one, up to the longest.</summary>
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1), LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>Delivers until nothing waits.</summary>
    /// <returns>The number of delivered rows.</returns>
    public async Task RunAsync(string line, Action delivered, CancellationToken cancellationToken)
    {
        while (outbox.Next(destination.Name, line) is { } row)
        {
            try
            {
                if (!await Retry(row).ExecuteAsync(async c => await send(row, c), cancellationToken)) continue;
                await outbox.DeliveredAsync(row);
                delivered();
            }
            catch (DeliveryException e)
            {
                await outbox.BuryAsync(row, e.Message);
                LogDead(destination.Name, row.Decision, e.Message);
            }
        }
    }

    private ResiliencePipeline Retry(OutboxRow row)
    {
        int refusals = 0;
        return new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = a => ValueTask.FromResult(a.Outcome.Exception is DeliveryException e
                && !(e.Refused && ++refusals >= MostRefusals)
                && clock.GetUtcNow() - row.Time < destination.GiveUpAfter),
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstWait,
            MaxDelay = LongestWait,
            DelayGenerator = a => ValueTask.FromResult<TimeSpan?>((a.Outcome.Exception as DeliveryException)?.RetryAfter is { } wait
                ? TimeSpan.FromTicks(Math.Clamp(wait.Ticks, FirstWait.Ticks, LongestWait.Ticks)) : null),
            OnRetry = async a =>
            {
                string problem = a.Outcome.Exception!.Message;
                if (a.AttemptNumber == 0) LogFailed(destination.Name, row.Decision, problem);
                await outbox.FailedAsync(row, problem);
            },
        }).Build();
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "destination {Destination}: decision {Decision} could not be delivered ({Problem}); it is tried again")]
    private partial void LogFailed(string destination, long decision, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "destination {Destination}: decision {Decision} is a dead letter ({Problem}); "
        + "'spade outbox retry' sends it again")]
    private partial void LogDead(string destination, long decision, string problem);
}
