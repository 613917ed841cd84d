using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using GalleriesClient = Spade.V1.Galleries.GalleriesClient;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>
    /// Adds normal images, creating the category if need be. A stream that breaks is repeated from its start: images are
    /// known by content, so what was durable already is only confirmed. Each image is reported once, in their order; one that
    /// cannot be read has failed, and the rest goes on.
    /// </summary>
    /// <param name="reason">Why, for the record; null: not said.</param>
    /// <returns>The version that is current now; null when nothing was added and there is no gallery.</returns>
    public Task<RemoteGallery?> AddNormalsAsync(string category, IReadOnlyList<ImageSource> sources, string author,
        IProgress<AddOutcome>? progress = null, string? reason = null, CancellationToken cancellationToken = default)
        => AddAsync(category, [.. sources.Select(Outgoing.From)], author, progress, reason, cancellationToken);

    /// <summary>The same for images given as pixels.</summary>
    public Task<RemoteGallery?> AddNormalsAsync(string category, IReadOnlyList<RawImage> images, string author,
        IProgress<AddOutcome>? progress = null, string? reason = null, CancellationToken cancellationToken = default)
        => AddAsync(category, [.. images.Select(Outgoing.From)], author, progress, reason, cancellationToken);

    private Task<RemoteGallery?> AddAsync(string category, Outgoing[] images, string author, IProgress<AddOutcome>? progress,
        string? reason, CancellationToken cancellationToken)
    {
        int reported = 0;
        return _gateways.FollowAsync(async (gateway, limit) =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            using var call = new GalleriesClient(gateway).AddNormals(cancellationToken: stop.Token);
            var unread = new ConcurrentDictionary<int, AddOutcome>();
            Exception? fault = null;
            // The image that the next answer is about.
            int next = 0;
            var sending = SendAsync();
            try
            {
                while (await call.ResponseStream.MoveNext(stop.Token))
                {
                    limit.Restart();
                    ReportUnread();
                    var answer = call.ResponseStream.Current;
                    if (answer.AnswerCase == AddNormalsResponse.AnswerOneofCase.Gallery)
                        return answer.Gallery.Version == 0 ? null : Mapping.ToGallery(answer.Gallery);
                    if (answer.AnswerCase == AddNormalsResponse.AnswerOneofCase.Image) Report(Mapping.ToOutcome(answer.Image));
                }
                throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream early"));
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException && fault is not null)
            {
                ExceptionDispatchInfo.Throw(fault);
                throw;
            }
            catch (RpcException) when (images.Length > 0 && unread.Count == images.Length)
            {
                // Nothing was sent, which the server does not take for an addition.
                ReportUnread();
                return await FindAsync(category, cancellationToken);
            }
            finally
            {
                await stop.CancelAsync();
                await sending.ContinueWith(_ => { }, TaskScheduler.Default);
            }

            async Task SendAsync()
            {
                for (int i = 0; i < images.Length; i++)
                {
                    Image image;
                    try
                    {
                        image = await images[i].ReadAsync(stop.Token);
                    }
                    catch (SpadeException e)
                    {
                        unread[i] = new AddOutcome(images[i].Name, null, AddStatus.Failed, e.Message);
                        continue;
                    }
                    catch (Exception e)
                    {
                        if (!stop.IsCancellationRequested) fault = e;
                        await stop.CancelAsync();
                        throw;
                    }
                    foreach (var (chunk, more) in Outgoing.Chunks(image, _options.ChunkBytes))
                        await call.RequestStream.WriteAsync(new AddNormalsRequest
                        {
                            Category = category,
                            Author = author,
                            Reason = reason
                            ?? "",
                            Image = chunk,
                            More = more
                        }, stop.Token);
                }
                await call.RequestStream.CompleteAsync();
            }

            void ReportUnread()
            {
                while (unread.TryGetValue(next, out var outcome)) Report(outcome);
            }

            void Report(AddOutcome outcome)
            {
                if (++next <= reported) return;
                reported = next;
                progress?.Report(outcome);
            }
        }, cancellationToken);
    }

    private async Task<RemoteGallery?> FindAsync(string category, CancellationToken cancellationToken)
    {
        try
        {
            return await GetGalleryAsync(category, cancellationToken: cancellationToken);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            return null;
        }
    }

    public Task<RemoteGallery> RetireAsync(string category, IReadOnlyList<string> images, string reason, string author,
        CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.RetireAsync,
            new RetireRequest { Category = category, Images = { images }, Reason = reason, Author = author }, cancellationToken);

    public Task<RemoteGallery> GetGalleryAsync(string category, bool includeImages = false, CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.GetGalleryAsync, new GetGalleryRequest { Category = category, IncludeImages = includeImages },
            cancellationToken);

    public Task<RemoteGallery> RollBackAsync(string category, int version, string reason, string author,
        CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.RollbackAsync,
            new RollbackRequest { Category = category, Version = version, Reason = reason, Author = author }, cancellationToken);

    public Task<RemoteGallery> ReshardAsync(string category, int shards, string author, CancellationToken cancellationToken = default)
        => GalleryAsync(c => c.ReshardAsync, new ReshardRequest { Category = category, Shards = shards, Author = author },
            cancellationToken);

    public async Task<IReadOnlyList<string>> ListGalleriesAsync(CancellationToken cancellationToken = default)
        => (await _gateways.CallAsync((c, ct) =>
            new GalleriesClient(c).ListGalleriesAsync(new ListGalleriesRequest(), Call(ct)).ResponseAsync, cancellationToken)).Categories;

    /// <summary>Learns thresholds; takes about as long as scoring every normal. No deadline but the caller's.</summary>
    /// <param name="options">Null: the server's defaults.</param>
    public Task<RemoteGallery> CalibrateAsync(string category, Scoring.ScoringOptions? options, string author,
        IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var request = new CalibrateRequest
        {
            Category = category,
            Options = options is null ? null : Mapping.ToMessage(options),
            Author = author
        };
        return _gateways.FollowAsync(async (gateway, limit) =>
        {
            limit.Restart();
            using var call = new GalleriesClient(gateway).Calibrate(request, cancellationToken: limit.Token);
            try
            {
                // Once a gateway has taken it on it takes its time; one that is gone is noticed by the connection.
                await call.ResponseHeadersAsync;
                limit.Lift();
                while (await call.ResponseStream.MoveNext(limit.Token))
                {
                    var answer = call.ResponseStream.Current;
                    if (answer.AnswerCase == CalibrateResponse.AnswerOneofCase.Gallery) return Mapping.ToGallery(answer.Gallery);
                    progress?.Report(answer.Done);
                }
                throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the calibration early; try again"));
            }
            finally
            {
                limit.Restart();
            }
        }, cancellationToken);
    }

    /// <summary>The current version's number, now and whenever it changes. Ends only with an error or the caller's token.</summary>
    public async IAsyncEnumerable<int> WatchVersionAsync(string category,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        int? seen = null;
        while (true)
        {
            var (call, version) = await _gateways.CallAsync(async (gateway, limit) =>
            {
                var open = new GalleriesClient(gateway)
                    .WatchVersion(new WatchVersionRequest { Category = category }, cancellationToken: cancellationToken);
                try
                {
                    return await open.ResponseStream.MoveNext(limit) ? (open, open.ResponseStream.Current.Version)
                        : throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream early"));
                }
                catch
                {
                    open.Dispose();
                    throw;
                }
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
                    catch (RpcException)
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        // Broken: the next call says whether it can go on.
                        break;
                    }
                    version = call.ResponseStream.Current.Version;
                }
                while (true);
            }
        }
    }

    private async Task<RemoteGallery> GalleryAsync<T>(Func<GalleriesClient, Func<T, CallOptions, AsyncUnaryCall<Gallery>>> method,
        T request, CancellationToken cancellationToken)
        => Mapping.ToGallery(await _gateways.CallAsync((c, ct) =>
            method(new GalleriesClient(c))(request, Call(ct)).ResponseAsync, cancellationToken));
}
