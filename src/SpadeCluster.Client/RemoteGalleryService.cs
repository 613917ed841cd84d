using Google.Protobuf;
using Spade.V1;
using SpadeCluster.Galleries;
using GalleryVersion = SpadeCluster.Galleries.GalleryVersion;

namespace SpadeCluster.Client;

/// <summary>A server's galleries. Changes learn no thresholds, as with local galleries.</summary>
internal sealed class RemoteGalleryService(SpadeClient client, string author) : IGalleryService
{
    public async ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken = default)
        => await client.ListGalleriesAsync(cancellationToken);

    public ValueTask<GalleryManifest> GetAsync(string category, CancellationToken cancellationToken = default)
        => ReadAsync(new GetGalleryRequest { Category = category }, cancellationToken);

    public async ValueTask<GalleryManifest?> AddAsync(
        string category, IReadOnlyList<ImageSource> sources, IProgress<AddOutcome>? progress = null, string? reason = null,
        NewCategory? asNew = null, CancellationToken cancellationToken = default)
    {
        Outgoing[] images = [.. sources.Select(Outgoing.From)];
        return await client.AddAsync(category, images, author, progress, reason, asNew, cancellationToken) is { } added
            ? await CompleteAsync(added, cancellationToken) : null;
    }

    public async ValueTask<GalleryManifest?> AddAsync(
        string category, IAsyncEnumerable<ImageSource> sources, IProgress<AddOutcome>? progress = null, string? reason = null,
        NewCategory? asNew = null, CancellationToken cancellationToken = default)
        => await AddAsync(category, await sources.ToArrayAsync(cancellationToken), progress, reason, asNew, cancellationToken);

    public async ValueTask<GalleryManifest> RetireAsync(
        string category, IReadOnlyList<string> images, string reason, CancellationToken cancellationToken = default)
    {
        var request = new RetireRequest { Category = category, Images = { images }, Reason = reason, Author = author, Calibrate = false };
        return await CompleteAsync(await client.CallAsync((c, o) => c.RetireAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> RestoreAsync(
        string category, IReadOnlyList<string> images, string reason, CancellationToken cancellationToken = default)
    {
        var request = new RestoreRequest { Category = category, Images = { images }, Reason = reason, Author = author, Calibrate = false };
        return await CompleteAsync(await client.CallAsync((c, o) => c.RestoreAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> RollBackAsync(
        string category, int version, string reason, CancellationToken cancellationToken = default)
    {
        var request = new RollbackRequest { Category = category, Version = version, Reason = reason, Author = author, Calibrate = false };
        return await CompleteAsync(await client.CallAsync((c, o) => c.RollbackAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> BeginTrialAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        var request = new BeginTrialRequest { Category = category, Reason = reason };
        return await CompleteAsync(await client.CallAsync((c, o) => c.BeginTrialAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> CalibrateAsync(
        string category, Scoring.ScoringOptions options, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var request = new CalibrateRequest { Category = category, Options = Mapping.ToMessage(options), Author = author };
        return await CompleteAsync(await client.CalibrateAsync(request, progress, cancellationToken), cancellationToken);
    }

    public ValueTask<GalleryManifest> CalibrateWithinAsync(
        string category, Scoring.ScoringOptions options, Scoring.ThresholdBounds within, CancellationToken cancellationToken = default)
        => throw new SpadeException(SpadeError.InvalidArgument, "a server sets the bounds of thresholds itself");

    public async ValueTask<GalleryManifest> AcceptAsync(
        string category, IReadOnlyList<string> images, string reason, CancellationToken cancellationToken = default)
    {
        var request = new AcceptRequest { Category = category, Images = { images }, Reason = reason, Author = author };
        return await CompleteAsync(await client.CallAsync((c, o) => c.AcceptAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> SetRegionAsync(
        string category, ImageSource? mask, string reason, CancellationToken cancellationToken = default)
    {
        var request = new SetRegionRequest { Category = category, Reason = reason, Author = author, Calibrate = false };
        if (mask is not null)
            (request.Source, request.Mask) = (mask.Name, ByteString.CopyFrom(await mask.ReadAsync(cancellationToken)));
        return await CompleteAsync(await client.CallAsync((c, o) => c.SetRegionAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> ReshardAsync(string category, int count, CancellationToken cancellationToken = default)
    {
        var request = new ReshardRequest { Category = category, Shards = count, Author = author };
        return await CompleteAsync(await client.CallAsync((c, o) => c.ReshardAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<IReadOnlyList<DeletedCategory>> ListDeletedAsync(CancellationToken cancellationToken = default)
        => await client.ListDeletedGalleriesAsync(cancellationToken);

    public async ValueTask<DeletedCategory> DeleteAsync(string category, string reason, CancellationToken cancellationToken = default)
        => await client.DeleteGalleryAsync(category, reason, cancellationToken);

    public async ValueTask<GalleryManifest> UndeleteAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        var request = new UndeleteRequest { Category = category, Reason = reason };
        return await CompleteAsync(await client.CallAsync((c, o) => c.UndeleteAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> RenameAsync(
        string category, string name, string reason, CancellationToken cancellationToken = default)
    {
        var request = new RenameRequest { Category = category, NewName = name, Reason = reason };
        return await CompleteAsync(await client.CallAsync((c, o) => c.RenameAsync(request, o), cancellationToken), cancellationToken);
    }

    public async ValueTask<IReadOnlyList<GalleryVersion>> HistoryAsync(string category, CancellationToken cancellationToken = default)
    {
        var request = new GetHistoryRequest { Category = category };
        var history = await client.CallAsync((c, o) => c.GetHistoryAsync(request, o), cancellationToken);
        return [.. history.Versions.Select(GalleryMapping.ToVersion)];
    }

    public ValueTask<GalleryManifest> GetVersionAsync(string category, int version, CancellationToken cancellationToken = default)
        => ReadAsync(new GetGalleryRequest { Category = category, Version = version }, cancellationToken);

    public async ValueTask<GalleryDiff> DiffAsync(string category, int from, int to, CancellationToken cancellationToken = default)
    {
        var request = new DiffRequest { Category = category, From = from, To = to };
        return GalleryMapping.ToDiff(await client.CallAsync((c, o) => c.DiffAsync(request, o), cancellationToken));
    }

    public async ValueTask<CompactionReport> CompactAsync(string category, Retention retention,
        CancellationToken cancellationToken = default)
    {
        var request = new CompactRequest { Category = category, KeepVersions = retention.Versions };
        if (retention.Age is { } age) request.KeepDays = age.TotalDays;
        var done = await client.CallAsync((c, o) => c.CompactAsync(request, o), cancellationToken);
        return new CompactionReport([.. done.Dropped], [.. done.InUse], done.Images, done.Bytes);
    }

    public ValueTask<byte[]?> GetThumbnailAsync(string category, ImageId id, int? tile = null,
        CancellationToken cancellationToken = default)
        => throw new SpadeException(SpadeError.InvalidArgument,
            "a server offers thumbnails over HTTP, not over gRPC");

    /// <summary>Adds the images to the answer of a change, which has only their number.</summary>
    private ValueTask<GalleryManifest> CompleteAsync(Gallery changed, CancellationToken cancellationToken)
        => GetVersionAsync(changed.Category, changed.Version, cancellationToken);

    /// <summary>Reads a version, then its images page by page.</summary>
    private async ValueTask<GalleryManifest> ReadAsync(GetGalleryRequest request, CancellationToken cancellationToken)
    {
        var gallery = await client.CallAsync((c, o) => c.GetGalleryAsync(request, o), cancellationToken);
        var images = await client.ListImagesAsync(gallery.Category, gallery.Version, cancellationToken).ToArrayAsync(cancellationToken);
        return GalleryMapping.ToManifest(gallery) with { Images = images };
    }
}
