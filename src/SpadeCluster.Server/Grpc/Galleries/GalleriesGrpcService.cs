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
internal sealed class GalleriesGrpcService(IGalleryServices galleries, IVersionWatch versions, AdmissionControl admission, IOptions<GrpcDoorOptions> options, IHostApplicationLifetime lifetime) : Spade.V1.Galleries.GalleriesBase
{
    private const string Anonymous = "grpc";

    public override async Task AddNormals(IAsyncStreamReader<AddNormalsRequest> requestStream, IServerStreamWriter<AddNormalsResponse> responseStream, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        // One place for all of its images, taken before its turn comes: additions that wait must not keep out the one in front.
        using var requests = new AdmittedStream<AddNormalsRequest>(requestStream, context, admission, options.Value, stopping: default);
        if (!await requests.MoveNextAsync(open: false, stop.Token)) throw new SpadeException(SpadeError.InvalidArgument, "the stream ended before its first image");
        var first = requests.Current;
        // The writer of the gallery reports each image as it becomes durable; answers leave in that order.
        var outcomes = Channel.CreateUnbounded<AddOutcome>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var adding = AddAsync();
        try
        {
            await foreach (var outcome in outcomes.Reader.ReadAllAsync(stop.Token))
                await responseStream.WriteAsync(new AddNormalsResponse { Image = GalleryMapping.ToMessage(outcome) }, stop.Token);
            var manifest = await adding;
            await responseStream.WriteAsync(new AddNormalsResponse { Gallery = manifest is null ? new Gallery { Category = first.Category } : GalleryMapping.ToMessage(manifest, false) }, stop.Token);
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
                return await Service(first.Author).AddAsync(first.Category, ReadAsync(requests, first.Category, stop.Token), new Relay<AddOutcome>(outcomes.Writer), first.Reason.Length == 0 ? null : first.Reason, stop.Token);
            }
            finally
            {
                outcomes.Writer.Complete();
            }
        }
    }

    public override async Task<Gallery> Retire(RetireRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await Service(request.Author).RetireAsync(request.Category, request.Images, request.Reason, context.CancellationToken), false);

    public override async Task<Gallery> GetGallery(GetGalleryRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await Service("").GetAsync(request.Category, context.CancellationToken), request.IncludeImages);

    public override async Task<ListGalleriesResponse> ListGalleries(ListGalleriesRequest request, ServerCallContext context)
        => new() { Categories = { await Service("").ListAsync(context.CancellationToken) } };

    public override async Task Calibrate(CalibrateRequest request, IServerStreamWriter<CalibrateResponse> responseStream, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        var service = Service(request.Author);
        var current = await service.GetAsync(request.Category, cancellation);
        var options = GalleryMapping.ToOptions(request.Options, await service.LearntOptionsAsync(request.Category, cancellation), current.Images.Count);
        var done = Channel.CreateBounded<int>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        var calibrating = CalibrateAsync();
        // At once: a client that hears nothing would try another gateway.
        await context.WriteResponseHeadersAsync([]);
        await foreach (int n in done.Reader.ReadAllAsync(cancellation)) await responseStream.WriteAsync(new CalibrateResponse { Done = n }, cancellation);
        await responseStream.WriteAsync(new CalibrateResponse { Gallery = GalleryMapping.ToMessage(await calibrating, false) }, cancellation);

        async Task<GalleryManifest> CalibrateAsync()
        {
            try
            {
                return await service.CalibrateAsync(request.Category, options, new Relay<int>(done.Writer), cancellation);
            }
            finally
            {
                done.Writer.Complete();
            }
        }
    }

    public override async Task<Gallery> Rollback(RollbackRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await Service(request.Author).RollBackAsync(request.Category, request.Version, request.Reason, context.CancellationToken), false);

    public override async Task<Gallery> Reshard(ReshardRequest request, ServerCallContext context)
        => GalleryMapping.ToMessage(await Service(request.Author).ReshardAsync(request.Category, request.Shards, context.CancellationToken), false);

    public override async Task WatchVersion(WatchVersionRequest request, IServerStreamWriter<WatchVersionResponse> responseStream, ServerCallContext context)
    {
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

    private IGalleryService Service(string author) => galleries.For(author.Length > 0 ? author : Anonymous);

    /// <summary>The stream's images, its first message already read. One that cannot be put together fails when it is read, so
    /// that it is reported like any other bad image.</summary>
    private async IAsyncEnumerable<ImageSource> ReadAsync(AdmittedStream<AddNormalsRequest> requests, string category, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var image = new ChunkedImage(options.Value.MaxImageBytes);
        string name = "image";
        bool more = false, skipping = false;
        do
        {
            var request = requests.Current;
            if (request.Category.Length > 0 && request.Category != category)
                throw new SpadeException(SpadeError.InvalidArgument, $"the stream adds to '{category}', but an image came for '{request.Category}'; use a stream for each category");
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

    /// <summary>Reports in the reporter's turn; Progress of T would hop through the thread pool and lose the order.</summary>
    private sealed class Relay<T>(ChannelWriter<T> writer) : IProgress<T>
    {
        public void Report(T value) => writer.TryWrite(value);
    }
}
