namespace SpadeCluster.Galleries;

/// <summary>
/// What several use at once and nobody alone: it begins with one user, who made it, and is let go of when the last one leaves,
/// each by disposing it once. Safe for concurrent calls.
/// </summary>
public abstract class Shared : IDisposable
{
    private int _users = 1;

    /// <summary>Adds a user, who disposes it too; false where the last one has left already.</summary>
    public bool TryShare()
    {
        for (int users = Volatile.Read(ref _users); users > 0;)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users) return true;
            users = seen;
        }
        return false;
    }

    /// <summary>One user leaves.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) == 0) Release();
    }

    /// <summary>The last user has left.</summary>
    protected abstract void Release();
}
