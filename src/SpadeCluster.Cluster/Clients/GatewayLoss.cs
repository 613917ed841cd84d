using Microsoft.AspNetCore.Connections;

namespace SpadeCluster.Cluster.Clients;

/// <summary>Tells when a connection to a gateway ends. Orleans does not: calls that the gateway had wait for their timeout.</summary>
internal sealed class GatewayLoss
{
    private TaskCompletionSource _next = New();

    /// <summary>Completes when a connection ends from now on.</summary>
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
