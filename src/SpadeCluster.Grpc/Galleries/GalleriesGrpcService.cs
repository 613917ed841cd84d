using System.Threading.Channels;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spade.V1;
using SpadeCluster.Galleries;
using SpadeCluster.Grpc.Images;

namespace SpadeCluster.Grpc.Galleries;

/// <summary>spade.v1.Galleries over any <see cref="IGalleryService"/>.</summary>
internal sealed class GalleriesGrpcService(IGalleryServices galleries, IVersionWatch versions, IOptions<GrpcDoorOptions> options, IHostApplicationLifetime lifetime) : Spade.V1.Galleries.GalleriesBase
{
    private const string Anonymous = "grpc";

    public override async Task AddNormals(IAsyncStreamReader<AddNormalsRequest> requestStream, IServerStreamWriter<AddNormalsResponse> responseStream, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        if (!await requestStream.MoveNext(cancellation)) throw new SpadeException(SpadeError.InvalidArgument, "the stream ended before its first image");
        var first = requestStream.Current;
        // The writer of the gallery reports each image as it becomes durable; answers leave in that order.
        var outcomes = Channel.CreateUnbounded<AddOutcome>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var adding = AddAsync();
        await foreach (var outcome in outcomes.Reader.ReadAllAsync(cancellation))
            await responseStream.WriteAsync(new AddNormalsResponse { Image = GalleryMapping.ToMessage(outcome) }, cancellation);
        var manifest = await adding;
        await responseStream.WriteAsync(new AddNormalsResponse { Gallery = manifest is null ? new Gallery { Category = first.Category } : GalleryMapping.ToMessage(manifest, false) }, cancellation);

        async Task<GalleryManifest?> AddAsync()
        {
            try
            {
                return await Service(first.Author).AddAsync(first.Category, ReadAsync(requestStream, cancellation), new Relay<AddOutcome>(outcomes.Writer), cancellation);
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
        var done = Channel.CreateBounded<int>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        var calibrating = CalibrateAsync();
        await foreach (int n in done.Reader.ReadAllAsync(cancellation)) await responseStream.WriteAsync(new CalibrateResponse { Done = n }, cancellation);
        await responseStream.WriteAsync(new CalibrateResponse { Gallery = GalleryMapping.ToMessage(await calibrating, false) }, cancellation);

        async Task<GalleryManifest> CalibrateAsync()
        {
            try
            {
                return await service.CalibrateAsync(request.Category, GalleryMapping.ToOptions(request.Options, current.Images.Count), new Relay<int>(done.Writer), cancellation);
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
    private async IAsyncEnumerable<ImageSource> ReadAsync(IAsyncStreamReader<AddNormalsRequest> requests, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var image = new ChunkedImage(options.Value.MaxImageBytes);
        bool skipping = false;
        do
        {
            var request = requests.Current;
            if (skipping)
            {
                skipping = request.More;
                continue;
            }
            ImageSource source;
            string name = request.Image?.Name ?? "";
            try
            {
                if (!image.Add(request.Image, request.More)) continue;
                (source, _) = image.Take();
            }
            catch (SpadeException e)
            {
                image.Reset();
                skipping = request.More;
                source = new ImageSource(name.Length > 0 ? name : "image", _ => ValueTask.FromException<byte[]>(e));
            }
            yield return source;
        }
        while (await requests.MoveNext(cancellationToken));
    }

    /// <summary>Reports in the reporter's turn; Progress of T would hop through the thread pool and lose the order.</summary>
    private sealed class Relay<T>(ChannelWriter<T> writer) : IProgress<T>
    {
        public void Report(T value) => writer.TryWrite(value);
    }
}
