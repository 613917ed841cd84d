using System.Runtime.CompilerServices;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Galleries;
using GalleriesClient = Spade.V1.Galleries.GalleriesClient;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>
    /// Adds normal images, creating the category if need be. A stream that breaks is repeated from its start: images are
    /// known by content, so what was durable already is only confirmed. Each image is reported once.
    /// </summary>
    /// <returns>The version that is current now; null when nothing was added and there is no gallery.</returns>
    public Task<RemoteGallery?> AddNormalsAsync(string category, IReadOnlyList<ImageSource> sources, string author, IProgress<AddOutcome>? progress = null, CancellationToken cancellationToken = default)
    {
        int reported = 0;
        return _gateways.CallAsync(async (channel, limit, progressed) =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit);
            using var call = new GalleriesClient(channel).AddNormals(cancellationToken: stop.Token);
            var sending = SendAsync(call, stop.Token);
            try
            {
                int seen = 0;
                while (await call.ResponseStream.MoveNext(stop.Token))
                {
                    progressed();
                    var answer = call.ResponseStream.Current;
                    if (answer.AnswerCase == AddNormalsResponse.AnswerOneofCase.Gallery)
                        return answer.Gallery.Version == 0 ? null : Mapping.ToGallery(answer.Gallery);
                    if (++seen <= reported) continue;
                    reported = seen;
                    progress?.Report(Mapping.ToOutcome(answer.Image));
                }
                throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream early"));
            }
            finally
            {
                await stop.CancelAsync();
                await sending.ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }, cancellationToken);

        async Task SendAsync(AsyncDuplexStreamingCall<AddNormalsRequest, AddNormalsResponse> call, CancellationToken stop)
        {
            foreach (var source in sources)
            {
                byte[] file = await source.ReadAsync(stop);
                foreach (var (image, more) in Chunks(source.Name, file))
                    await call.RequestStream.WriteAsync(new AddNormalsRequest { Category = category, Author = author, Image = image, More = more }, stop);
            }
            await call.RequestStream.CompleteAsync();
        }
    }

    public Task<RemoteGallery> RetireAsync(string category, IReadOnlyList<string> images, string reason, string author, CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.RetireAsync, new RetireRequest { Category = category, Images = { images }, Reason = reason, Author = author }, cancellationToken);

    public Task<RemoteGallery> GetGalleryAsync(string category, bool includeImages = false, CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.GetGalleryAsync, new GetGalleryRequest { Category = category, IncludeImages = includeImages }, cancellationToken);

    public Task<RemoteGallery> RollBackAsync(string category, int version, string reason, string author, CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.RollbackAsync, new RollbackRequest { Category = category, Version = version, Reason = reason, Author = author }, cancellationToken);

    public Task<RemoteGallery> ReshardAsync(string category, int shards, string author, CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.ReshardAsync, new ReshardRequest { Category = category, Shards = shards, Author = author }, cancellationToken);

    public async Task<IReadOnlyList<string>> ListGalleriesAsync(CancellationToken cancellationToken = default)
        => (await _gateways.CallAsync((c, ct) => new GalleriesClient(c).ListGalleriesAsync(new ListGalleriesRequest(), Call(ct)).ResponseAsync, cancellationToken)).Categories;

    /// <summary>Learns thresholds; takes about as long as scoring every normal. No deadline but the caller's.</summary>
    /// <param name="options">Null: the server's defaults.</param>
    public async Task<RemoteGallery> CalibrateAsync(string category, Scoring.ScoringOptions? options, string author, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var request = new CalibrateRequest { Category = category, Options = options is null ? null : Mapping.ToMessage(options), Author = author };
        using var call = new GalleriesClient(_gateways.Preferred).Calibrate(request, cancellationToken: cancellationToken);
        try
        {
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                var answer = call.ResponseStream.Current;
                if (answer.AnswerCase == CalibrateResponse.AnswerOneofCase.Gallery) return Mapping.ToGallery(answer.Gallery);
                progress?.Report(answer.Done);
            }
            throw new SpadeException(SpadeError.Unavailable, "the server ended the calibration early; try again");
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Mapping.ToException(e);
        }
    }

    /// <summary>The current version's number, now and whenever it changes. Ends only with an error or the caller's token.</summary>
    public async IAsyncEnumerable<int> WatchVersionAsync(string category, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        int? seen = null;
        while (true)
        {
            var (call, version) = await _gateways.CallAsync(async (channel, limit) =>
            {
                var open = new GalleriesClient(channel).WatchVersion(new WatchVersionRequest { Category = category }, cancellationToken: cancellationToken);
                return await open.ResponseStream.MoveNext(limit) ? (open, open.ResponseStream.Current.Version)
                    : throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream early"));
            }, cancellationToken);
            using (call)
            {
                do
                {
                    if (version != seen) yield return version;
                    seen = version;
                    try
                    {
                        if (!await call.ResponseStream.MoveNext(cancellationToken)) break;
                    }
                    catch (RpcException e) when (e.StatusCode != StatusCode.NotFound && !cancellationToken.IsCancellationRequested)
                    {
                        break;
                    }
                    version = call.ResponseStream.Current.Version;
                }
                while (true);
            }
        }
    }

    private async Task<RemoteGallery> GalleryAsync<T>(Func<GalleriesClient, Func<T, CallOptions, AsyncUnaryCall<Gallery>>> method, T request, CancellationToken cancellationToken)
        => Mapping.ToGallery(await _gateways.CallAsync((c, ct) => method(new GalleriesClient(c))(request, Call(ct)).ResponseAsync, cancellationToken));
}
