using Orleans.Concurrency;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Categories;

/// <summary>
/// The single writer of a category (key: its name), on one of the gateways. Changes run here one after the other, as jobs:
/// a call begins one, others follow it, and none of them lasts longer than <see cref="CategoryGrain.PollTime"/> but the
/// adding of one image. Calls are idempotent.
/// </summary>
[Alias("spade.ICategoryGrain")]
public interface ICategoryGrain : IGrainWithStringKey
{
    /// <summary>The current version, as soon as it is another one than <paramref name="seen"/>; <paramref name="seen"/> again
    /// after the poll time; 0 where there is no such category.</summary>
    [Alias("version")]
    Task<int> WaitForVersionAsync(int seen, CancellationToken cancellationToken);

    /// <summary>Puts a change into the queue. Its caller must follow it: one that nobody follows is given up.</summary>
    /// <returns>The silo that has it, until it ends.</returns>
    [Alias("begin")]
    Task<SiloAddress> BeginAsync(Guid job, [Immutable] CategoryChange change, string author);

    /// <summary>What has become of a change, as soon as it is something else than <paramref name="seen"/>, or after the poll
    /// time.</summary>
    /// <exception cref="SpadeException">Unavailable: the job was lost with its silo; repeat the change. Or what the change
    /// failed with.</exception>
    [Alias("follow")]
    Task<ChangeProgress> FollowAsync(Guid job, ChangeProgress seen, CancellationToken cancellationToken);

    /// <summary>The next image of a running <see cref="AddImages"/>; answers when it is durable, or has failed.</summary>
    [Alias("add"), ResponseTimeout("00:10:00")]
    Task<AddOutcome> AddAsync(Guid job, [Immutable] ImageFile image, CancellationToken cancellationToken);

    /// <summary>No more images: the new version may be published.</summary>
    [Alias("end")]
    Task EndAsync(Guid job);

    /// <summary>Gives a change up; the current version stays what it was.</summary>
    [Alias("cancel"), OneWay]
    Task CancelAsync(Guid job);
}

/// <summary>An image file as it was sent.</summary>
[GenerateSerializer, Alias("spade.image-file"), Immutable]
public sealed record ImageFile([property: Id(0)] string Name, [property: Id(1)] byte[] Bytes);

/// <param name="State">How far the change is.</param>
/// <param name="Done">Images a calibration has scored.</param>
/// <param name="Version">The version that is current when it is done; 0: there is none.</param>
[GenerateSerializer, Alias("spade.change-progress"), Immutable]
public sealed record ChangeProgress([property: Id(0)] ChangeState State, [property: Id(1)] int Done, [property: Id(2)] int Version);

[GenerateSerializer, Alias("spade.change-state")]
public enum ChangeState
{
    Waiting,
    Running,
    Done,
}
