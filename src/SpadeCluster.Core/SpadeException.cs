namespace SpadeCluster;

/// <summary>What went wrong, in the terms every host translates: exit codes, HTTP and gRPC statuses.</summary>
public enum SpadeError
{
    /// <summary>The request or its data is wrong: undecodable image, lying file, bad option. Exit code 3.</summary>
    InvalidArgument,
    /// <summary>No such category, image, version, model or file. Exit code 4.</summary>
    NotFound,
    /// <summary>The request is sound but the state forbids it: empty gallery, other model, held lock. Exit code 3.</summary>
    FailedPrecondition,
    /// <summary>Too large or too many: pixels, bytes, disk, queue. Exit code 3.</summary>
    ResourceExhausted,
    /// <summary>A part that is needed cannot be reached now. Exit code 5.</summary>
    Unavailable,
    /// <summary>What was stored is damaged: a checksum or a length does not hold. Exit code 3.</summary>
    DataLoss,
}

/// <summary>An expected failure. Its message is one sentence for a person: what, where, and what to do.</summary>
public sealed class SpadeException(SpadeError error, string message, Exception? inner = null) : Exception(message, inner)
{
    public SpadeError Error { get; } = error;

    /// <summary>When the same call may succeed; null where nothing is known, or repeating it will not help.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
