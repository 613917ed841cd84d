using Grpc.Core;
using Spade.V1;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Galleries;

namespace SpadeCluster.Server.Grpc.Galleries;

/// <summary>Images of a version, differences between versions, compaction, and shadow versions.</summary>
internal sealed partial class GalleriesGrpcService
{
    public override async Task<ListImagesResponse> ListImages(ListImagesRequest request, ServerCallContext context)
    {
        int size = PageToken.Size(request.PageSize, GalleryImagePage.UsualCount, GalleryImagePage.MaxCount);
        var list = request.Clone();
        (list.PageSize, list.PageToken) = (0, "");
        var (service, stop) = (Service(context, request.Category), context.CancellationToken);
        var page = PageToken.Read(list, request.PageToken);
        // The token has the version, so that all pages are of one version although others may be published meanwhile.
        int? version = (int?)page?.Second ?? (request.HasVersion ? request.Version : null);
        var gallery = version is { } v ? await service.GetVersionAsync(request.Category, v, stop)
            : await service.GetAsync(request.Category, stop);
        var images = gallery.ImagesAfter(page is { } p ? new ImageId((ulong)p.First) : null, size);
        return new ListImagesResponse
        {
            Version = gallery.Version,
            Images = { images.Select(GalleryMapping.ToMessage) },
            NextPageToken = images.Count < size ? "" : PageToken.Write(list, (long)images[^1].Id.Value, gallery.Version),
        };
    }

    public override async Task<DiffResponse> Diff(DiffRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await Service(context, request.Category)
            .DiffAsync(request.Category, request.From, request.To, context.CancellationToken));

    public override async Task<CompactResponse> Compact(CompactRequest request, ServerCallContext context)
    {
        var retention = CompactionRequest.Retention(request.KeepVersions, request.HasKeepDays ? request.KeepDays : null);
        var report = await Service(context, request.Category).CompactAsync(request.Category, retention, context.CancellationToken);
        await audit.WriteAsync(Author(context, request.Category), "compact", request.Category, CompactionRequest.Detail(report));
        return GalleryMapping.ToMessage(report);
    }

    public override async Task<Shadow> BeginShadow(BeginShadowRequest request, ServerCallContext context)
    {
        Author(context, request.Category);
        return GalleryMapping.ToMessage(await shadows.BeginAsync(request.Category, request.Version, request.HasShare ? request.Share : 1,
            context.GetHttpContext().User, context.CancellationToken));
    }

    public override async Task<Shadow> GetShadow(GetShadowRequest request, ServerCallContext context)
    {
        Author(context, request.Category);
        return GalleryMapping.ToMessage(await shadows.GetAsync(request.Category, context.CancellationToken));
    }

    public override async Task<Shadow> EndShadow(EndShadowRequest request, ServerCallContext context)
    {
        Author(context, request.Category);
        return GalleryMapping.ToMessage(await shadows.EndAsync(request.Category, context.GetHttpContext().User));
    }
}
