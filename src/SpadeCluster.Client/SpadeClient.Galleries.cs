using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using GalleriesClient = Spade.V1.Galleries.GalleriesClient;
using GalleryImage = SpadeCluster.Galleries.GalleryImage;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    private const int ImagesPerPage = 1000;

    /// <summary>
    /// Adds normal images, and creates the category if there is none; learns no thresholds. A broken stream is repeated from its start:
    /// images are identified by content, so those already added are only confirmed. Each image is reported once, in order; one that cannot
    /// be read is reported as failed, and the others are added.
    /// </summary>
    /// <param name="reason">The reason, for the history; may be null.</param>
    /// <returns>The version that is current now; null when nothing was added and there is no gallery.</returns>
    public Task<RemoteGallery?> AddNormalsAsync(
        string category, IReadOnlyList<ImageSource> sources, string author, IProgress<AddOutcome>? progress = null, string? reason = null,
        NewCategory? asNew = null, CancellationToken cancellationToken = default)
        => ToGalleryAsync(AddAsync(category, [.. sources.Select(Outgoing.From)], author, progress, reason, asNew, cancellationToken));

    /// <summary>The same for pixels.</summary>
    public Task<RemoteGallery?> AddNormalsAsync(
        string category, IReadOnlyList<RawImage> images, string author, IProgress<AddOutcome>? progress = null, string? reason = null,
        NewCategory? asNew = null, CancellationToken cancellationToken = default)
        => ToGalleryAsync(AddAsync(category, [.. images.Select(Outgoing.From)], author, progress, reason, asNew, cancellationToken));

    internal Task<Gallery?> AddAsync(
        string category, Outgoing[] images, string author, IProgress<AddOutcome>? progress, string? reason,
        NewCategory? asNew, CancellationToken cancellationToken)
    {
        int reported = 0;
        return _gateways.FollowAsync(async (gateway, limit) =>
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            using var call = new GalleriesClient(gateway).AddNormals(cancellationToken: stop.Token);
            var unread = new ConcurrentDictionary<int, AddOutcome>();
            Exception? fault = null;
            // Index of the image that the next answer belongs to.
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
                        return answer.Gallery.Version == 0 ? null : answer.Gallery;
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
                // No image was sent, which the server refuses.
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
                PhotographSize[] photographs =
                    [.. (asNew?.Sizes ?? []).Select(s => new PhotographSize { Width = s.Width, Height = s.Height })];
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
                    {
                        var request = new AddNormalsRequest
                        {
                            Category = category,
                            Author = author,
                            Reason = reason ?? "",
                            Image = chunk,
                            More = more,
                            Calibrate = false,
                            Photographs = { photographs },
                        };
                        if (asNew?.Copies is { } copies) request.Copies = copies.Text();
                        photographs = [];
                        await call.RequestStream.WriteAsync(request, stop.Token);
                    }
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

    private async Task<Gallery?> FindAsync(string category, CancellationToken cancellationToken)
    {
        try
        {
            return await CallAsync((c, o) => c.GetGalleryAsync(new GetGalleryRequest { Category = category }, o), cancellationToken);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            return null;
        }
    }

    public Task<RemoteGallery> RetireAsync(
        string category, IReadOnlyList<string> images, string reason, string author, CancellationToken cancellationToken = default)
    {
        var request = new RetireRequest { Category = category, Images = { images }, Reason = reason, Author = author };
        return GalleryAsync((c, o) => c.RetireAsync(request, o), cancellationToken);
    }

    public Task<RemoteGallery> GetGalleryAsync(string category, bool includeImages = false, CancellationToken cancellationToken = default)
    {
        var request = new GetGalleryRequest { Category = category, IncludeImages = includeImages };
        return GalleryAsync((c, o) => c.GetGalleryAsync(request, o), cancellationToken);
    }

    /// <summary>The images of a version, ascending by id, read page by page.</summary>
    /// <param name="version">Null: the current version.</param>
    public async IAsyncEnumerable<GalleryImage> ListImagesAsync(
        string category, int? version = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var request = new ListImagesRequest { Category = category, PageSize = ImagesPerPage };
        if (version is { } number) request.Version = number;
        do
        {
            var page = await CallAsync((c, o) => c.ListImagesAsync(request, o), cancellationToken);
            foreach (var image in page.Images) yield return GalleryMapping.ToImage(image);
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);
    }

    public Task<RemoteGallery> RollBackAsync(
        string category, int version, string reason, string author, CancellationToken cancellationToken = default)
    {
        var request = new RollbackRequest { Category = category, Version = version, Reason = reason, Author = author };
        return GalleryAsync((c, o) => c.RollbackAsync(request, o), cancellationToken);
    }

    /// <summary>Begins a trial: the current version again, which decides nothing, like all changes after it, until a rollback.</summary>
    public Task<RemoteGallery> BeginTrialAsync(string category, string reason, CancellationToken cancellationToken = default)
        => GalleryAsync((c, o) => c.BeginTrialAsync(new BeginTrialRequest { Category = category, Reason = reason }, o), cancellationToken);

    public Task<RemoteGallery> ReshardAsync(string category, int shards, string author, CancellationToken cancellationToken = default)
    {
        var request = new ReshardRequest { Category = category, Shards = shards, Author = author };
        return GalleryAsync((c, o) => c.ReshardAsync(request, o), cancellationToken);
    }

    /// <summary>Deletes a category, which can be restored until the time in the answer.</summary>
    public async Task<DeletedCategory> DeleteGalleryAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        var request = new DeleteRequest { Category = category, Reason = reason };
        return GalleryMapping.ToDeleted(await CallAsync((c, o) => c.DeleteAsync(request, o), cancellationToken));
    }

    /// <summary>Restores a deleted category with its images, thresholds and history.</summary>
    public Task<RemoteGallery> UndeleteGalleryAsync(string category, string reason, CancellationToken cancellationToken = default)
    {
        var request = new UndeleteRequest { Category = category, Reason = reason };
        return GalleryAsync((c, o) => c.UndeleteAsync(request, o), cancellationToken);
    }

    /// <summary>Gives a category another name, with all kept versions; a key's scope must have both names.</summary>
    public Task<RemoteGallery> RenameGalleryAsync(
        string category, string name, string reason, CancellationToken cancellationToken = default)
    {
        var request = new RenameRequest { Category = category, NewName = name, Reason = reason };
        return GalleryAsync((c, o) => c.RenameAsync(request, o), cancellationToken);
    }

    /// <summary>The deleted categories that can be restored.</summary>
    public async Task<IReadOnlyList<DeletedCategory>> ListDeletedGalleriesAsync(CancellationToken cancellationToken = default)
        => [.. (await CallAsync((c, o) => c.ListDeletedAsync(new ListDeletedRequest(), o), cancellationToken)).Categories
            .Select(GalleryMapping.ToDeleted)];

    public async Task<IReadOnlyList<string>> ListGalleriesAsync(CancellationToken cancellationToken = default)
        => (await CallAsync((c, o) => c.ListGalleriesAsync(new ListGalleriesRequest(), o), cancellationToken)).Categories;

    /// <summary>The server's galleries, with the interface of local galleries. Changes learn no thresholds; <see
    /// cref="IGalleryService.CalibrateAsync"/> does.</summary>
    /// <param name="author">The author of changes, for the history; replaced by the owner of the key, if there is one.</param>
    public IGalleryService Galleries(string author) => new RemoteGalleryService(this, author);

    /// <summary>Learns thresholds; takes about as long as scoring every normal. Only the caller's token limits its time.</summary>
    /// <param name="options">Null: the server's defaults.</param>
    public async Task<RemoteGallery> CalibrateAsync(
        string category, Scoring.ScoringOptions? options, string author, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var settings = options is null ? null : Mapping.ToMessage(options);
        var request = new CalibrateRequest { Category = category, Options = settings, Author = author };
        return Mapping.ToGallery(await CalibrateAsync(request, progress, cancellationToken));
    }

    internal Task<Gallery> CalibrateAsync(CalibrateRequest request, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        return _gateways.FollowAsync(async (gateway, limit) =>
        {
            limit.Restart();
            using var call = new GalleriesClient(gateway).Calibrate(request, cancellationToken: limit.Token);
            try
            {
                // No limit once a gateway has accepted it: the connection shows whether the gateway is alive.
                await call.ResponseHeadersAsync;
                limit.Remove();
                while (await call.ResponseStream.MoveNext(limit.Token))
                {
                    var answer = call.ResponseStream.Current;
                    if (answer.AnswerCase == CalibrateResponse.AnswerOneofCase.Gallery) return answer.Gallery;
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

    /// <summary>The current version's number, now and after each change. Ends only with an error or the caller's token.</summary>
    public async IAsyncEnumerable<int> WatchVersionAsync(
        string category, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        int? seen = null;
        while (true)
        {
            var (call, version) = await _gateways.CallAsync(async (gateway, limit) =>
            {
                var request = new WatchVersionRequest { Category = category };
                var open = new GalleriesClient(gateway).WatchVersion(request, cancellationToken: cancellationToken);
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
                        // The stream broke: the next call continues or fails.
                        break;
                    }
                    version = call.ResponseStream.Current.Version;
                }
                while (true);
            }
        }
    }

    internal Task<T> CallAsync<T>(Func<GalleriesClient, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
        => _gateways.CallAsync((c, ct) => call(new GalleriesClient(c), Call(ct)).ResponseAsync, cancellationToken);

    private async Task<RemoteGallery> GalleryAsync(
        Func<GalleriesClient, CallOptions, AsyncUnaryCall<Gallery>> call, CancellationToken cancellationToken)
        => Mapping.ToGallery(await CallAsync(call, cancellationToken));

    private static async Task<RemoteGallery?> ToGalleryAsync(Task<Gallery?> gallery)
        => await gallery is { } found ? Mapping.ToGallery(found) : null;
}
