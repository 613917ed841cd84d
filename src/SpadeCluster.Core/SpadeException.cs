namespace SpadeCluster;

/// <summary>The kind of a failure; hosts translate it to exit codes and to HTTP and gRPC statuses.</summary>
public enum SpadeError
{
    /// <summary>The request or its data is wrong: undecodable image, wrong header, bad option. Exit code 3.</summary>
    InvalidArgument,
    /// <summary>No such category, image, version, model or file. Exit code 4.</summary>
    NotFound,
    /// <summary>The request is valid but not in the present state: empty gallery, other model, held lock. Exit code 3.</summary>
    FailedPrecondition,
    /// <summary>Too large or too many: pixels, bytes, disk, queue. Exit code 3.</summary>
    ResourceExhausted,
    /// <summary>A required part cannot be reached now. Exit code 5.</summary>
    Unavailable,
    /// <summary>Stored data is damaged: a checksum or a length is wrong. Exit code 3.</summary>
    DataLoss,
}

/// <summary>An expected failure. Its message is one sentence for a person: what, where, and what to do.</summary>
public sealed class SpadeException(SpadeError error, string message, Exception? inner = null) : Exception(message, inner)
{
    public SpadeError Error { get; } = error;

    /// <summary>Time after which the same call may succeed; null if unknown, or if repeating it will not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether a disk or a database is full: the same call succeeds when space was freed.</summary>
    public bool StorageFull { get; init; }
}
