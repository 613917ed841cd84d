using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Galleries;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>
    /// Scores photographs over one stream, in their order; large ones travel in chunks. When the stream breaks, a new one
    /// takes up where the answers ended: what was not answered is sent again.
    /// </summary>
    public async IAsyncEnumerable<RemoteScore> ScoreStreamAsync(string category, IReadOnlyList<ImageSource> sources, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        int answered = 0;
        var buffer = new Queue<RemoteScore>();
        while (answered < sources.Count)
        {
            // Each pass yields at least one answer or throws; the retry of a pass that yields none is the gateways'.
            int from = answered;
            var stream = await _gateways.CallAsync(async (channel, limit) =>
            {
                var open = StreamFrom(channel, category, sources, from, cancellationToken);
                try
                {
                    buffer.Enqueue(await open.NextAsync(limit));
                    return open;
                }
                catch
                {
                    await open.DisposeAsync();
                    throw;
                }
            }, cancellationToken);
            await using (stream)
            {
                while (true)
                {
                    while (buffer.TryDequeue(out var score))
                    {
                        // Refused or lost inside: as a single call it is retried with backoff.
                        if (score.Error is { } e && (e.RetryAfter is not null || e.Error == SpadeError.Unavailable)) score = await RetryAsync(category, sources[score.Index], score.Index, cancellationToken);
                        answered++;
                        yield return score;
                    }
                    if (answered == sources.Count) break;
                    try
                    {
                        buffer.Enqueue(await stream.NextAsync(cancellationToken));
                    }
                    catch (RpcException) when (!cancellationToken.IsCancellationRequested)
                    {
                        break;
                    }
                }
            }
        }
    }

    private async Task<RemoteScore> RetryAsync(string category, ImageSource source, int index, CancellationToken cancellationToken)
    {
        try
        {
            return new RemoteScore(index, source.Name, await ScoreAsync(category, source, cancellationToken), null);
        }
        catch (SpadeException e)
        {
            return new RemoteScore(index, source.Name, null, e);
        }
    }

    private OpenStream StreamFrom(ChannelBase channel, string category, IReadOnlyList<ImageSource> sources, int from, CancellationToken cancellationToken)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var call = new Spade.V1.Scoring.ScoringClient(channel).ScoreStream(cancellationToken: stop.Token);
        return new OpenStream(call, SendAsync(), sources, stop);

        async Task SendAsync()
        {
            for (int i = from; i < sources.Count; i++)
            {
                byte[] file = await sources[i].ReadAsync(stop.Token);
                foreach (var (image, more) in Chunks(sources[i].Name, file))
                    await call.RequestStream.WriteAsync(new ScoreStreamRequest { RequestId = (ulong)i + 1, Category = category, Image = image, More = more }, stop.Token);
            }
            await call.RequestStream.CompleteAsync();
        }
    }

    private IEnumerable<(Image Image, bool More)> Chunks(string name, byte[] file)
    {
        int at = 0;
        do
        {
            int length = Math.Min(_options.ChunkBytes, file.Length - at);
            var data = UnsafeByteOperations.UnsafeWrap(file.AsMemory(at, length));
            var image = at == 0 ? new Image { Format = PixelFormat.Encoded, Name = name, Data = data } : new Image { Data = data };
            at += length;
            yield return (image, at < file.Length);
        }
        while (at < file.Length);
    }

    private sealed class OpenStream(AsyncDuplexStreamingCall<ScoreStreamRequest, ScoreStreamResponse> call, Task sending, IReadOnlyList<ImageSource> sources, CancellationTokenSource stop) : IAsyncDisposable
    {
        public async Task<RemoteScore> NextAsync(CancellationToken cancellationToken)
        {
            if (!await call.ResponseStream.MoveNext(cancellationToken))
                throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream early"));
            var answer = call.ResponseStream.Current;
            int index = (int)answer.RequestId - 1;
            return answer.OutcomeCase == ScoreStreamResponse.OutcomeOneofCase.Result
                ? new RemoteScore(index, sources[index].Name, Mapping.ToScore(answer.Result), null)
                : new RemoteScore(index, sources[index].Name, null, Mapping.ToException(answer.Error));
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            call.Dispose();
            await sending.ContinueWith(_ => { }, TaskScheduler.Default);
            stop.Dispose();
        }
    }
}
