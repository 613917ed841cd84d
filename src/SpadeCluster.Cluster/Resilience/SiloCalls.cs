using SpadeCluster.Cluster.Placement;

namespace SpadeCluster.Cluster.Resilience;

/// <summary>Calls to grains on silos with a role. They are repeated like <see cref="GrainCalls"/> and avoid lost silos.</summary>
internal sealed class SiloCalls(ISiloDirectory silos, LostSilos lost, GrainCalls calls)
{
    /// <param name="role">Role of the silos that can answer.</param>
    /// <param name="call">One attempt. It receives the silos with the role and the attempt's number, and chooses a silo.</param>
    /// <exception cref="SpadeException">Unavailable: no silo has the role.</exception>
    public Task<T> CallAsync<T>(string role, Func<IReadOnlyList<KnownSilo>, int, Task<T>> call, CancellationToken cancellationToken)
        => calls.CallAsync(attempt => call(With(role), attempt), cancellationToken);

    /// <summary>The silos with a role, without lost ones.</summary>
    /// <exception cref="SpadeException">Unavailable: no silo has the role.</exception>
    public IReadOnlyList<KnownSilo> With(string role) => lost.Without(silos.Require(role));

    /// <summary>A call to a grain on a certain silo; fails when that silo is found lost.</summary>
    public async Task<T> OnAsync<T>(SiloAddress silo, Func<Task<T>> call)
    {
        var gone = lost.WhenLost(silo);
        var answer = call();
        try
        {
            if (await Task.WhenAny(answer, gone) == answer || answer.IsCompleted) return await answer;
        }
        catch (Exception e) when (e is SiloUnavailableException or OrleansMessageRejectionException)
        {
            lost.Avoid(silo);
            throw;
        }
        answer.Ignore();
        throw new SiloUnavailableException("the silo was lost while it had the call");
    }

    /// <summary>Whether <paramref name="silo"/> is this silo.</summary>
    public bool IsHere(SiloAddress silo) => calls.IsHere(silo);

    /// <inheritdoc cref="GrainCalls.CountSent"/>
    public void CountSent(SiloAddress silo, string kind, long bytes) => calls.CountSent(silo, kind, bytes);
}
