using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Categories;

/// <summary>A requested change of a category.</summary>
[GenerateSerializer, Alias("spade.change"), Immutable]
public abstract record CategoryChange
{
    /// <param name="service">The gallery service of the change's author.</param>
    /// <param name="category">The category's name.</param>
    /// <param name="job">Receives progress and provides images.</param>
    /// <returns>The version that is current afterwards; null: there is none, or the category is deleted.</returns>
    internal abstract Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job);
}

/// <param name="Sizes">As in <see cref="NewCategory"/>, like <paramref name="Copies"/>.</param>
[GenerateSerializer, Alias("spade.change.add"), Immutable]
public sealed record AddImages([property: Id(0)] string? Reason = null, [property: Id(1)] (int Width, int Height)[]? Sizes = null,
    [property: Id(2)] Copies? Copies = null) : CategoryChange
{
    internal override Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => service.AddAsync(category, job.ImagesAsync(), job, Reason, new NewCategory(Sizes, Copies), job.Stopping).AsTask();
}

[GenerateSerializer, Alias("spade.change.retire"), Immutable]
public sealed record RetireImages([property: Id(0)] string[] Images, [property: Id(1)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.RetireAsync(category, Images, Reason, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.restore"), Immutable]
public sealed record RestoreImages([property: Id(0)] string[] Images, [property: Id(1)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.RestoreAsync(category, Images, Reason, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.accept"), Immutable]
public sealed record AcceptImages([property: Id(0)] string[] Images, [property: Id(1)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.AcceptAsync(category, Images, Reason, job.Stopping);
}

/// <param name="Mask">Null: whole photographs.</param>
[GenerateSerializer, Alias("spade.change.region"), Immutable]
public sealed record SetRegion([property: Id(0)] string Source, [property: Id(1)] byte[]? Mask, [property: Id(2)] string Reason)
    : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.SetRegionAsync(category, Mask is null ? null : new ImageSource(Source, Mask), Reason, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.rollback"), Immutable]
public sealed record RollBack([property: Id(0)] int Version, [property: Id(1)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.RollBackAsync(category, Version, Reason, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.trial"), Immutable]
public sealed record BeginTrial([property: Id(0)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.BeginTrialAsync(category, Reason, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.reshard"), Immutable]
public sealed record Reshard([property: Id(0)] int Shards) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.ReshardAsync(category, Shards, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.compact"), Immutable]
public sealed record Compact([property: Id(0)] int Versions, [property: Id(1)] TimeSpan? Age) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
    {
        job.Report(await service.CompactAsync(category, new Retention(Versions, Age), job.Stopping));
        return await service.GetAsync(category, job.Stopping);
    }
}

[GenerateSerializer, Alias("spade.change.calibrate"), Immutable]
public sealed record Calibrate([property: Id(0)] ScoringOptions Options, [property: Id(1)] ThresholdBounds? Within = null)
    : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => Within is null ? await service.CalibrateAsync(category, Options, job, job.Stopping)
            : await service.CalibrateWithinAsync(category, Options, Within, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.delete"), Immutable]
public sealed record DeleteCategory([property: Id(0)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
    {
        await service.DeleteAsync(category, Reason, job.Stopping);
        return null;
    }
}

[GenerateSerializer, Alias("spade.change.undelete"), Immutable]
public sealed record UndeleteCategory([property: Id(0)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
        => await service.UndeleteAsync(category, Reason, job.Stopping);
}

[GenerateSerializer, Alias("spade.change.rename"), Immutable]
public sealed record RenameCategory([property: Id(0)] string Name, [property: Id(1)] string Reason) : CategoryChange
{
    internal override async Task<GalleryManifest?> ApplyAsync(IGalleryService service, string category, ChangeJob job)
    {
        await service.RenameAsync(category, Name, Reason, job.Stopping);
        return null;
    }
}
