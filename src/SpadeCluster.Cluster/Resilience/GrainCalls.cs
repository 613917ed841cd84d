using Microsoft.Extensions.Logging;
using SpadeCluster.Cluster.Clients;
using SpadeCluster.Cluster.Telemetry;

namespace SpadeCluster.Cluster.Resilience;

/// <summary>
/// Calls to grains that survive the loss of a silo: an attempt that failed because its silo is lost is repeated until the caller's
/// deadline. Every call must be idempotent. Exceptions of the called code, such as <see cref="SpadeException"/>, are passed on.
/// </summary>
/// <param name="lost">Null in a process that is no silo.</param>
/// <param name="here">Null in a process that is no silo.</param>
/// <param name="gateways">Null in a silo.</param>
internal sealed partial class GrainCalls(ILogger<GrainCalls> logger, TimeProvider clock, LostSilos? lost = null,
    ILocalSiloDetails? here = null, GatewayLoss? gateways = null)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(20), LongestWait = TimeSpan.FromSeconds(1);

    /// <param name="call">One attempt; it receives the attempt's number, from 0.</param>
    public async Task<T> CallAsync<T>(Func<int, Task<T>> call, CancellationToken cancellationToken)
    {
        var wait = FirstWait;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await (gateways is null ? call(attempt) : CallAsync(gateways.Next, call(attempt)));
            }
            catch (Exception e) when (IsLostSilo(e) && !cancellationToken.IsCancellationRequested)
            {
                lost?.CheckAll();
                LogRetry(attempt, e.Message);
                ClusterMetrics.Retries.Add(1);
            }
            // Half fixed, half random, so that callers that lost the same silo do not repeat their calls at the same time.
            await Task.Delay(wait / 2 + wait / 2 * Random.Shared.NextDouble(), clock, cancellationToken);
            wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
        }
    }

    private static async Task<T> CallAsync<T>(Task lost, Task<T> answer)
    {
        if (await Task.WhenAny(answer, lost) == answer || answer.IsCompleted) return await answer;
        answer.Ignore();
        throw new SiloUnavailableException("the connection to a gateway ended");
    }

    /// <summary>Whether it is this silo.</summary>
    public bool IsHere(SiloAddress silo) => silo.Equals(here?.SiloAddress);

    /// <summary>Counts payload sent to or received from another silo. Within a silo, objects are passed by reference and not
    /// counted.</summary>
    public void CountSent(SiloAddress silo, string kind, long bytes)
    {
        if (!IsHere(silo)) ClusterMetrics.CountSent(kind, bytes);
    }

    /// <summary>Whether a call failed because a silo was not reached, not because of the call's content.</summary>
    /// <remarks>All Orleans exceptions are of this kind, including "no active nodes are compatible": the silo left after it was
    /// chosen.</remarks>
    public static bool IsLostSilo(Exception e) => e is OrleansException or TimeoutException;

    [LoggerMessage(Level = LogLevel.Warning, Message = "A silo did not answer (attempt {Attempt}): {Reason}")]
    private partial void LogRetry(int attempt, string reason);
}
