using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Shadows;
using CalibrateRequest = Spade.V1.CalibrateRequest;
using RenameRequest = Spade.V1.RenameRequest;
using ReshardRequest = Spade.V1.ReshardRequest;
using SpadeCluster.Server.Admission;
using System.Threading.Channels;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Grpc.Admission;
using SpadeCluster.Server.Grpc.Errors;
using SpadeCluster.Server.Grpc.Images;

namespace SpadeCluster.Server.Grpc.Galleries;

/// <summary>spade.v1.Galleries over any <see cref="IGalleryService"/>.</summary>
internal sealed partial class GalleriesGrpcService(
    IGalleryServices galleries, CategoryChanges categories, Recalibration recalibration, AuditLog audit, IVersionWatch versions,
    AdmissionControl admission, ShadowService shadows, ApiKeyStore keys, IOptions<GrpcOptions> options, IHostApplicationLifetime lifetime)
    : Spade.V1.Galleries.GalleriesBase
{
    public override async Task AddNormals(
        IAsyncStreamReader<AddNormalsRequest> requestStream, IServerStreamWriter<AddNormalsResponse> responseStream,
        ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        // One admission for all of its images, taken before its turn: waiting additions must not block the running one.
        using var requests = new AdmittedStream<AddNormalsRequest>(requestStream, context, admission, options.Value, stopping: default);
        if (!await requests.MoveNextAsync(open: false, stop.Token))
            throw new SpadeException(SpadeError.InvalidArgument, "the stream ended before its first image");
        var first = requests.Current;
        string? reason = first.Reason.Length == 0 ? null : first.Reason;
        var addition = new Addition(first.Category, Author(context, first.Category), reason,
            !first.HasCalibrate || first.Calibrate);
        // The gallery's writer reports each image when it is durable; answers are sent in that order.
        var answers = Channel.CreateUnbounded<AddNormalsResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var adding = AddAsync();
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(stop.Token)) await responseStream.WriteAsync(answer, stop.Token);
            var manifest = await adding;
            var gallery = manifest is null ? new Gallery { Category = first.Category } : GalleryMapping.ToMessage(manifest, false);
            await responseStream.WriteAsync(new AddNormalsResponse { Gallery = gallery }, stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await adding.ContinueWith(_ => { }, TaskScheduler.Default);
        }

        async Task<GalleryManifest?> AddAsync()
        {
            try
            {
                var outcomes = new InlineProgress<AddOutcome>(
                    o => answers.Writer.TryWrite(new AddNormalsResponse { Image = GalleryMapping.ToMessage(o) }));
                var calibrated = new InlineProgress<(int Done, int Of)>(
                    p => answers.Writer.TryWrite(new AddNormalsResponse { Calibrated = p.Done }));
                var images = ReadAsync(requests, first.Category, stop.Token);
                var asNew = new NewCategory([.. first.Photographs.Select(p => (p.Width, p.Height))],
                    first.HasCopies ? CopyExtensions.Parse(first.Copies) : null);
                if (first.Photographs.Count == 0)
                {
                    // The first image says how large photographs of a new category are; it is read where its size is.
                    var rest = images.GetAsyncEnumerator(stop.Token);
                    if (await rest.MoveNextAsync())
                    {
                        asNew = asNew with { Sizes = await PhotographSizes.ReadAsync([rest.Current], stop.Token) };
                        images = BeginWith(rest);
                    }
                }
                addition = addition with { AsNew = asNew };
                return (await recalibration.AddAsync(addition, images, outcomes, requests.Forget, calibrated, stop.Token)).Version;
            }
            finally
            {
                answers.Writer.Complete();
            }
        }
    }

    public override async Task<Gallery> Retire(RetireRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, "retire",
            $"{string.Join(", ", request.Images)}: {request.Reason}", !request.HasCalibrate || request.Calibrate,
            (g, stop) => g.RetireAsync(request.Category, request.Images, request.Reason, stop));

    public override async Task<Gallery> Restore(RestoreRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, "restore",
            $"{string.Join(", ", request.Images)}: {request.Reason}", !request.HasCalibrate || request.Calibrate,
            (g, stop) => g.RestoreAsync(request.Category, request.Images, request.Reason, stop));

    public override async Task<Gallery> Accept(AcceptRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, "accept",
            $"{string.Join(", ", request.Images)}: {request.Reason}", calibrate: true,
            (g, stop) => g.AcceptAsync(request.Category, request.Images, request.Reason, stop));

    public override async Task<Gallery> SetRegion(SetRegionRequest request, ServerCallContext context)
    {
        var mask = request.HasMask ? new ImageSource(request.Source, request.Mask.ToByteArray()) : null;
        return await ChangeAsync(context, request.Category, "region", $"{mask?.Name ?? "none"}: {request.Reason}",
            !request.HasCalibrate || request.Calibrate, (g, stop) => g.SetRegionAsync(request.Category, mask, request.Reason, stop));
    }

    public override async Task<Gallery> GetGallery(GetGalleryRequest request, ServerCallContext context)
    {
        var (service, stop) = (Service(context, request.Category), context.CancellationToken);
        var gallery = request.HasVersion ? await service.GetVersionAsync(request.Category, request.Version, stop)
            : await service.GetAsync(request.Category, stop);
        return GalleryMapping.ToMessage(gallery, request.IncludeImages);
    }

    public override async Task<GetHistoryResponse> GetHistory(GetHistoryRequest request, ServerCallContext context)
    {
        var history = await Service(context, request.Category).HistoryAsync(request.Category, context.CancellationToken);
        return new GetHistoryResponse { Versions = { history.Select(GalleryMapping.ToMessage) } };
    }

    public override async Task<ListGalleriesResponse> ListGalleries(ListGalleriesRequest request, ServerCallContext context)
    {
        var all = await galleries.For(context.GetHttpContext().User.CallerName()).ListAsync(context.CancellationToken);
        return new ListGalleriesResponse { Categories = { all.Where(context.GetHttpContext().User.May) } };
    }

    public override async Task Calibrate(
        CalibrateRequest request, IServerStreamWriter<CalibrateResponse> responseStream, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        string author = Author(context, request.Category);
        var service = galleries.For(author);
        var current = await service.GetAsync(request.Category, stop.Token);
        var known = await service.ReadSettingsAsync(request.Category, stop.Token);
        var options = GalleryMapping.ToOptions(request.Options, known, current.Images.Count);
        if (current.Region is not null && options.TileReach is > 0 && options.TileReach != known?.TileReach)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"tile_reach {options.TileReach}: with a region of interest, tiles are compared with their own position only; "
                + "leave tile_reach out, or inspect whole photographs");
        var done = Channel.CreateBounded<int>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        var calibrating = CalibrateAsync();
        try
        {
            // Sent at once, because a client without an answer would try another gateway.
            await context.WriteResponseHeadersAsync([]);
            await foreach (int n in done.Reader.ReadAllAsync(stop.Token))
                await responseStream.WriteAsync(new CalibrateResponse { Done = n }, stop.Token);
            var after = await calibrating;
            await audit.WriteAsync(author, "calibrate", request.Category, $"alpha {options.Alpha}, version {after.Version}");
            var calibrated = GalleryMapping.ToMessage(after, false);
            await responseStream.WriteAsync(new CalibrateResponse { Gallery = calibrated }, stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)calibrating).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<GalleryManifest> CalibrateAsync()
        {
            try
            {
                return await recalibration.AfterAsync(request.Category, author, () => service.CalibrateAsync(
                    request.Category, options, new InlineProgress<int>(n => done.Writer.TryWrite(n)), stop.Token), calibrate: false);
            }
            finally
            {
                done.Writer.Complete();
            }
        }
    }

    public override async Task<Gallery> Rollback(RollbackRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, "roll back",
            $"to version {request.Version}: {request.Reason}", !request.HasCalibrate || request.Calibrate,
            (g, stop) => g.RollBackAsync(request.Category, request.Version, request.Reason, stop));

    public override async Task<Gallery> BeginTrial(BeginTrialRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, "begin trial", request.Reason, false,
            (g, stop) => g.BeginTrialAsync(request.Category, request.Reason, stop));

    public override async Task<DeletedGallery> Delete(DeleteRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await categories.DeleteAsync(context.GetHttpContext().User, request.Category, request.Reason,
            context.CancellationToken));

    public override async Task<Gallery> Undelete(UndeleteRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await categories.UndeleteAsync(context.GetHttpContext().User, request.Category, request.Reason,
            context.CancellationToken), false);

    public override async Task<Gallery> Rename(RenameRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await categories.RenameAsync(context.GetHttpContext().User, request.Category, request.NewName,
            request.Reason, context.CancellationToken), false);

    public override async Task<ListDeletedResponse> ListDeleted(ListDeletedRequest request, ServerCallContext context)
    {
        var deleted = await categories.ListDeletedAsync(context.GetHttpContext().User, context.CancellationToken);
        return new ListDeletedResponse { Categories = { deleted.Select(GalleryMapping.ToMessage) } };
    }

    public override async Task<Gallery> Reshard(ReshardRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, "reshard",
            $"into {request.Shards}", calibrate: true,
            (g, stop) => g.ReshardAsync(request.Category, request.Shards, stop));

    public override async Task WatchVersion(
        WatchVersionRequest request, IServerStreamWriter<WatchVersionResponse> responseStream, ServerCallContext context)
    {
        context.GetHttpContext().User.Require(CategoryName.Check(request.Category));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        int? seen = null;
        try
        {
            while (true)
            {
                int version = await versions.WaitAsync(CategoryName.Check(request.Category), seen, either.Token);
                if (!keys.Admits(context.GetHttpContext().User)) throw GrpcStatus.KeyEnded();
                if (version != seen) await responseStream.WriteAsync(new WatchVersionResponse { Version = version }, either.Token);
                seen = version;
            }
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new SpadeException(SpadeError.Unavailable, "this gateway is shutting down; go on with another one");
        }
    }

    /// <param name="calibrate">Whether to learn thresholds in the background if the new version has none.</param>
    private async Task<Gallery> ChangeAsync(
        ServerCallContext context, string category, string action, string detail, bool calibrate,
        Func<IGalleryService, CancellationToken, ValueTask<GalleryManifest>> change)
    {
        var service = Service(context, category);
        string author = Author(context, category);
        var after = await recalibration.AfterAsync(category, author, () => change(service, context.CancellationToken), calibrate);
        await audit.WriteAsync(author, action, category, $"{SentImage.Harmless(detail, "")}, version {after.Version}");
        return GalleryMapping.ToMessage(after, false);
    }

    private IGalleryService Service(ServerCallContext context, string category) => galleries.For(Author(context, category));

    /// <summary>The author of a change: the owner of the key, never a name in the request.</summary>
    /// <exception cref="OutOfScopeException">The caller's key is for other categories.</exception>
    private static string Author(ServerCallContext context, string category)
    {
        var user = context.GetHttpContext().User;
        user.Require(CategoryName.Check(category));
        return user.CallerName();
    }

    private static async IAsyncEnumerable<ImageSource> BeginWith(IAsyncEnumerator<ImageSource> begun)
    {
        await using (begun)
            do yield return begun.Current;
            while (await begun.MoveNextAsync());
    }

    /// <summary>The stream's images, its first message already read. One that cannot be put together fails when it is read, so
    /// that it is reported like any other bad image.</summary>
    private async IAsyncEnumerable<ImageSource> ReadAsync(
        AdmittedStream<AddNormalsRequest> requests, string category,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var image = new ChunkedImage(options.Value.MaxImageBytes);
        string name = "image";
        bool more = false, skipping = false;
        do
        {
            var request = requests.Current;
            if (request.Category.Length > 0 && request.Category != category)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"the stream adds to '{category}', but an image came for '{request.Category}'; use a stream for each category");
            if (!more) name = request.Image?.Name is { Length: > 0 } given ? given : "image";
            more = request.More;
            ImageSource? source = null;
            try
            {
                if (!skipping && image.Add(request.Image, more)) source = image.Take();
            }
            catch (SpadeException e)
            {
                image.Reset();
                skipping = true;
                source = new ImageSource(name, _ => ValueTask.FromException<byte[]>(e));
            }
            if (source is not null) yield return source;
            // The image is durable, failed or was skipped.
            if (skipping || !more) requests.Forget();
            skipping &= more;
        }
        while (await requests.MoveNextAsync(more, cancellationToken));
    }
}
