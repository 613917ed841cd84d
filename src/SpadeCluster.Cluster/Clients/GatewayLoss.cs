using Microsoft.AspNetCore.Connections;

namespace SpadeCluster.Cluster.Clients;

/// <summary>Reports the end of a connection to a gateway. Without it, calls on that gateway would wait for their timeout in
/// Orleans.</summary>
internal sealed class GatewayLoss
{
    private TaskCompletionSource _next = New();

    /// <summary>Completes at the next end of a connection.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Middleware of all connections.</summary>
    public void Watch(IConnectionBuilder connections) => connections.Use(next => async connection =>
    {
        try
        {
            await next(connection);
        }
        finally
        {
            Interlocked.Exchange(ref _next, New()).SetResult();
        }
    });

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
