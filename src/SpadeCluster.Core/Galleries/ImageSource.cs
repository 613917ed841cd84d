using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>An image file: its name, for people, and a function that reads it.</summary>
public sealed record ImageSource(string Name, Func<CancellationToken, ValueTask<byte[]>> ReadAsync)
{
    public ImageSource(string name, byte[] file) : this(name, _ => ValueTask.FromResult(file)) { }

    /// <summary>Stored with the decision on the image.</summary>
    public ImageMetadata Metadata { get; init; } = ImageMetadata.None;
}

/// <summary>The outcome for one image of a batch; <see cref="Id"/> is set unless it failed.</summary>
public sealed record AddOutcome(string Source, ImageId? Id, AddStatus Status, string? Problem = null);

public enum AddStatus
{
    Added,
    /// <summary>The same file is in the gallery already.</summary>
    Duplicate,
    Failed,
}
