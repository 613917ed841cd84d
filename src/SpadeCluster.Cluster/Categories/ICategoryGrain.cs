using Orleans.Concurrency;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Categories;

/// <summary>
/// The single writer of a category (key: its name), on one of the gateways. Changes run here one after the other, as jobs: a call begins a
/// job, others follow it. No call lasts longer than <see cref="CategoryGrain.PollTime"/>, except the addition of an image. Calls are
/// idempotent.
/// </summary>
[Alias("spade.ICategoryGrain")]
public interface ICategoryGrain : IGrainWithStringKey
{
    /// <summary>The current version as soon as it differs from <paramref name="seen"/>, or <paramref name="seen"/> after the poll time; 0:
    /// no such category.</summary>
    [Alias("version")]
    Task<int> WaitForVersionAsync(int seen, CancellationToken cancellationToken);

    /// <summary>Puts a change into the queue. The caller must follow it; otherwise it is cancelled.</summary>
    /// <returns>The silo on which the change runs.</returns>
    [Alias("begin")]
    Task<SiloAddress> BeginAsync(Guid job, [Immutable] CategoryChange change, string author);

    /// <summary>The progress of a change as soon as it differs from <paramref name="seen"/>, or after the poll time.</summary>
    /// <exception cref="SpadeException">Unavailable: the job was lost with its silo; repeat the change. Or the change's own
    /// failure.</exception>
    [Alias("follow")]
    Task<ChangeProgress> FollowAsync(Guid job, ChangeProgress seen, CancellationToken cancellationToken);

    /// <summary>The next image of a running <see cref="AddImages"/>; returns when it is durable or has failed.</summary>
    [Alias("add"), ResponseTimeout("00:10:00")]
    Task<AddOutcome> AddAsync(Guid job, [Immutable] ImageFile image, CancellationToken cancellationToken);

    /// <summary>No more images: the new version may be published.</summary>
    [Alias("end")]
    Task EndAsync(Guid job);

    /// <summary>Cancels a change; the current version is unchanged.</summary>
    [Alias("cancel"), OneWay]
    Task CancelAsync(Guid job);
}

/// <summary>An image file and its name.</summary>
[GenerateSerializer, Alias("spade.image-file"), Immutable]
public sealed record ImageFile([property: Id(0)] string Name, [property: Id(1)] byte[] Bytes);

/// <param name="State">Whether the change waits, runs or is done.</param>
/// <param name="Done">Number of images that a calibration has scored.</param>
/// <param name="Version">The version that is current when it is done; 0: there is none.</param>
/// <param name="Compacted">The outcome of a compaction.</param>
[GenerateSerializer, Alias("spade.change-progress"), Immutable]
public sealed record ChangeProgress([property: Id(0)] ChangeState State, [property: Id(1)] int Done, [property: Id(2)] int Version,
    [property: Id(3)] CompactionReport? Compacted = null);

[GenerateSerializer, Alias("spade.change-state")]
public enum ChangeState
{
    Waiting,
    Running,
    Done,
}
