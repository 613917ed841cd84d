using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Security;
using CalibrateRequest = Spade.V1.CalibrateRequest;
using ReshardRequest = Spade.V1.ReshardRequest;
using SpadeCluster.Server.Admission;
using System.Threading.Channels;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spade.V1;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Grpc.Admission;
using SpadeCluster.Server.Grpc.Images;

namespace SpadeCluster.Server.Grpc.Galleries;

/// <summary>spade.v1.Galleries over any <see cref="IGalleryService"/>.</summary>
internal sealed class GalleriesGrpcService(
    IGalleryServices galleries, Recalibration recalibration, IVersionWatch versions, AdmissionControl admission,
    IOptions<GrpcOptions> options, IHostApplicationLifetime lifetime)
    : Spade.V1.Galleries.GalleriesBase
{
    private const string Anonymous = "grpc";

    public override async Task AddNormals(IAsyncStreamReader<AddNormalsRequest> requestStream,
        IServerStreamWriter<AddNormalsResponse> responseStream, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        // One place for all of its images, taken before its turn comes: additions that wait must not keep out the one in front.
        using var requests = new AdmittedStream<AddNormalsRequest>(requestStream, context, admission, options.Value, stopping: default);
        if (!await requests.MoveNextAsync(open: false, stop.Token))
            throw new SpadeException(SpadeError.InvalidArgument, "the stream ended before its first image");
        var first = requests.Current;
        var addition = new Addition(first.Category, Author(context, first.Category, first.Author), first.Reason.Length == 0
            ? null : first.Reason, first.Calibrate);
        // The writer of the gallery reports each image as it becomes durable; answers leave in that order.
        var answers = Channel.CreateUnbounded<AddNormalsResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var adding = AddAsync();
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(stop.Token)) await responseStream.WriteAsync(answer, stop.Token);
            var manifest = await adding;
            await responseStream.WriteAsync(new AddNormalsResponse
            {
                Gallery = manifest is null
                ? new Gallery { Category = first.Category } : GalleryMapping.ToMessage(manifest, false)
            }, stop.Token);
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
                return (await recalibration.AddAsync(addition, ReadAsync(requests, first.Category, stop.Token),
                    new InlineProgress<AddOutcome>(o =>
                        answers.Writer.TryWrite(new AddNormalsResponse { Image = GalleryMapping.ToMessage(o) })),
                    requests.Forget, new InlineProgress<(int Done, int Of)>(p =>
                        answers.Writer.TryWrite(new AddNormalsResponse { Calibrated = p.Done })), stop.Token)).Version;
            }
            finally
            {
                answers.Writer.Complete();
            }
        }
    }

    public override async Task<Gallery> Retire(RetireRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, request.Author, (g, stop) =>
            g.RetireAsync(request.Category, request.Images, request.Reason, stop));

    public override async Task<Gallery> GetGallery(GetGalleryRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await Service(context, request.Category).GetAsync(request.Category, context.CancellationToken),
            request.IncludeImages);

    public override async Task<ListGalleriesResponse> ListGalleries(ListGalleriesRequest request, ServerCallContext context)
        => new()
        {
            Categories = { (await galleries.For(Anonymous).ListAsync(context.CancellationToken))
            .Where(context.GetHttpContext().User.May) }
        };

    public override async Task Calibrate(CalibrateRequest request, IServerStreamWriter<CalibrateResponse> responseStream,
        ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        var service = Service(context, request.Category, request.Author);
        var current = await service.GetAsync(request.Category, cancellation);
        var options = GalleryMapping.ToOptions(request.Options, await service.ReadSettingsAsync(request.Category, cancellation),
            current.Images.Count);
        await recalibration.StopAsync(request.Category);
        var done = Channel.CreateBounded<int>(new BoundedChannelOptions(1)
        {
            FullMode = BoundedChannelFullMode.DropOldest,
            SingleReader = true
        });
        var calibrating = CalibrateAsync();
        // At once: a client that hears nothing would try another gateway.
        await context.WriteResponseHeadersAsync([]);
        await foreach (int n in done.Reader.ReadAllAsync(cancellation))
            await responseStream.WriteAsync(new CalibrateResponse { Done = n }, cancellation);
        await responseStream.WriteAsync(new CalibrateResponse { Gallery = GalleryMapping.ToMessage(await calibrating, false) },
            cancellation);

        async Task<GalleryManifest> CalibrateAsync()
        {
            try
            {
                return await service.CalibrateAsync(request.Category, options, new InlineProgress<int>(n => done.Writer.TryWrite(n)),
                    cancellation);
            }
            finally
            {
                done.Writer.Complete();
            }
        }
    }

    public override async Task<Gallery> Rollback(RollbackRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, request.Author, (g, stop) =>
            g.RollBackAsync(request.Category, request.Version, request.Reason, stop));

    public override async Task<Gallery> Reshard(ReshardRequest request, ServerCallContext context)
        => await ChangeAsync(context, request.Category, request.Author, (g, stop) =>
            g.ReshardAsync(request.Category, request.Shards, stop));

    public override async Task WatchVersion(WatchVersionRequest request, IServerStreamWriter<WatchVersionResponse> responseStream,
        ServerCallContext context)
    {
        context.GetHttpContext().User.Require(CategoryName.Check(request.Category));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        int? seen = null;
        try
        {
            while (true)
            {
                int version = await versions.WaitAsync(CategoryName.Check(request.Category), seen, either.Token);
                if (version != seen) await responseStream.WriteAsync(new WatchVersionResponse { Version = version }, either.Token);
                seen = version;
            }
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new SpadeException(SpadeError.Unavailable, "this gateway is shutting down; go on with another one");
        }
    }

    /// <summary>Makes a change; thresholds that it drops are learnt again in the background.</summary>
    private async Task<Gallery> ChangeAsync(ServerCallContext context, string category, string author,
        Func<IGalleryService, CancellationToken, ValueTask<GalleryManifest>> change)
    {
        var service = Service(context, category, author);
        var after = await recalibration.AfterAsync(category, Author(context, category, author), () =>
            change(service, context.CancellationToken));
        return GalleryMapping.ToMessage(after, false);
    }

    private IGalleryService Service(ServerCallContext context, string category, string author = "") =>
        galleries.For(Author(context, category, author));

    /// <summary>Who makes a change: the owner of the key, where there are keys; else whom the request names.</summary>
    /// <exception cref="OutOfScopeException">The caller's key is for other categories.</exception>
    private static string Author(ServerCallContext context, string category, string named)
    {
        var user = context.GetHttpContext().User;
        user.Require(CategoryName.Check(category));
        return user.Id() is { } id && id != Caller.Local.Id ? user.CallerName() : named.Length > 0 ? named : Anonymous;
    }

    /// <summary>The stream's images, its first message already read. One that cannot be put together fails when it is read, so
    /// that it is reported like any other bad image.</summary>
    private async IAsyncEnumerable<ImageSource> ReadAsync(AdmittedStream<AddNormalsRequest> requests, string category,
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
            // Durable, or failed, or skipped.
            if (skipping || !more) requests.Forget();
            skipping &= more;
        }
        while (await requests.MoveNextAsync(more, cancellationToken));
    }
}
