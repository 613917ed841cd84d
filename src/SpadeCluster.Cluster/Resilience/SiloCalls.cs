using Microsoft.Extensions.Logging;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Telemetry;

namespace SpadeCluster.Cluster.Resilience;

/// <summary>
/// Calls to other silos that outlive the loss of one. An attempt that failed because its silo is gone is repeated, on
/// whichever silo is next then, until the caller's deadline; every call here is idempotent. Answers of the called code -
/// a <see cref="SpadeException"/> above all - are passed on as they are.
/// </summary>
internal sealed partial class SiloCalls(ISiloDirectory silos, LostSilos lost, ILocalSiloDetails here, ILogger<SiloCalls> logger,
    TimeProvider clock)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(20), LongestWait = TimeSpan.FromSeconds(1);

    /// <param name="role">Role of the silos that can answer.</param>
    /// <param name="call">One attempt. It gets the silos with the role, and the attempt's number to choose by.</param>
    /// <exception cref="SpadeException">Unavailable: no silo has the role.</exception>
    public async Task<T> CallAsync<T>(string role, Func<IReadOnlyList<KnownSilo>, int, Task<T>> call, CancellationToken cancellationToken)
    {
        var wait = FirstWait;
        for (int attempt = 0; ; attempt++)
        {
            var candidates = lost.Without(silos.Require(role));
            try
            {
                return await call(candidates, attempt);
            }
            catch (Exception e) when (IsLostSilo(e) && !cancellationToken.IsCancellationRequested)
            {
                lost.Learn(e, SiloRole.All.SelectMany(silos.With));
                LogRetry(role, attempt, e.Message);
                ClusterMetrics.Retries.Add(1);
            }
            // Half fixed, half random: many callers that lost the same silo should not come back in step.
            await Task.Delay(wait / 2 + wait / 2 * Random.Shared.NextDouble(), clock, cancellationToken);
            wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
        }
    }

    /// <summary>A call to a grain on a certain silo, given up when that silo is found lost.</summary>
    public async Task<T> OnAsync<T>(SiloAddress silo, Func<Task<T>> call)
    {
        var gone = lost.WhenLost(silo);
        var answer = call();
        if (await Task.WhenAny(answer, gone) == answer || answer.IsCompleted) return await answer;
        answer.Ignore();
        throw new SiloUnavailableException("the silo was lost while it had the call");
    }

    /// <summary>Whether it is this silo.</summary>
    public bool IsHere(SiloAddress silo) => silo.Equals(here.SiloAddress);

    /// <summary>Counts payload sent to another silo, or that came from it. Within a silo nothing is sent: references are passed.</summary>
    public void CountSent(SiloAddress silo, string kind, long bytes)
    {
        if (!IsHere(silo)) ClusterMetrics.CountSent(kind, bytes);
    }

    /// <summary>Whether a failure is about reaching a silo rather than about what was asked of it.</summary>
    /// <remarks>Orleans' own failures are all of that kind, "no active nodes are compatible" too: the chosen silo left
    /// between choosing and placing.</remarks>
    public static bool IsLostSilo(Exception e) => e is OrleansException or TimeoutException;

    [LoggerMessage(Level = LogLevel.Warning, Message = "A {Role} silo did not answer (attempt {Attempt}): {Reason}")]
    private partial void LogRetry(string role, int attempt, string reason);
}
