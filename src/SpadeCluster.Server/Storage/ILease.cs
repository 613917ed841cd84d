namespace SpadeCluster.Server.Storage;

/// <summary>Work that one of the servers with a database does at a time. Disposing it lets another one continue.</summary>
public interface ILease : IDisposable
{
    /// <summary>Whether no other server can have it.</summary>
    bool IsHeld();
}
