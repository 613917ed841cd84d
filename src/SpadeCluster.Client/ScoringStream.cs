using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Grpc.Core;
using Spade.V1;
using SpadeCluster.Scoring;

namespace SpadeCluster.Client;

/// <summary>
/// A stream of images over one or more calls. One task reads the images, another sends them, and the caller gets the answers in order. If a
/// call breaks, the next one begins with the first image without an answer.
/// </summary>
/// <param name="scoreOne">Scores a single image, with retries; for images that were refused or lost in the cluster.</param>
internal sealed class ScoringStream(Gateways gateways, SpadeClientOptions options, string category,
    Func<Image, CancellationToken, Task<ImageScore>> scoreOne)
{
    // Bounds the number of images that were sent and are kept for a repetition.
    private readonly Channel<Sent> _inOrder = Channel.CreateBounded<Sent>(options.Concurrency);
    private readonly Channel<Sent> _toSend = Channel.CreateUnbounded<Sent>();
    private readonly ConcurrentQueue<Sent> _unanswered = new();

    public async IAsyncEnumerable<RemoteScore> RunAsync(IAsyncEnumerable<Outgoing> images,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ = ReadAsync(images, stop.Token);
        var scoring = ScoreAsync(stop.Token);
        try
        {
            await foreach (var image in _inOrder.Reader.ReadAllAsync(cancellationToken))
            {
                await Task.WhenAny(image.Answer.Task, scoring);
                if (!image.Answer.Task.IsCompleted) await scoring;
                yield return await image.Answer.Task;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await scoring.ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <summary>Reads all images. If one cannot be read, its answer is that error; any other fault ends the stream after the answers of the
    /// images before it.</summary>
    private async Task ReadAsync(IAsyncEnumerable<Outgoing> images, CancellationToken cancellationToken)
    {
        try
        {
            int index = 0;
            await foreach (var image in images.WithCancellation(cancellationToken))
            {
                var sent = new Sent(index++, image.Name);
                try
                {
                    sent.Image = await image.ReadAsync(cancellationToken);
                }
                catch (SpadeException e)
                {
                    sent.Fail(e);
                }
                await _inOrder.Writer.WriteAsync(sent, cancellationToken);
                if (sent.Image is not null) _toSend.Writer.TryWrite(sent);
            }
            _inOrder.Writer.Complete();
        }
        catch (Exception e)
        {
            _inOrder.Writer.Complete(e);
        }
        _toSend.Writer.Complete();
    }

    private async Task ScoreAsync(CancellationToken cancellationToken)
    {
        while (!_unanswered.IsEmpty || await _toSend.Reader.WaitToReadAsync(cancellationToken))
        {
            // Each call returns at least one answer or throws; Gateways repeats calls without an answer.
            await using var call = await gateways.CallAsync(async (gateway, limit) =>
            {
                var open = new Call(this, gateway, cancellationToken);
                try
                {
                    await open.NextAsync(limit);
                    return open;
                }
                catch
                {
                    await open.DisposeAsync();
                    throw;
                }
            }, cancellationToken);
            try
            {
                while (await call.NextAsync(cancellationToken)) { }
            }
            catch (RpcException)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    private async Task RetryAsync(Sent sent, CancellationToken cancellationToken)
    {
        try
        {
            sent.Answer.SetResult(new RemoteScore(sent.Index, sent.Name, await scoreOne(sent.Image!, cancellationToken), null));
        }
        catch (SpadeException e)
        {
            sent.Fail(e);
        }
        catch (Exception e)
        {
            sent.Answer.SetException(e);
        }
    }

    private sealed class Sent(int index, string name)
    {
        public int Index => index;
        public string Name => name;
        public Image? Image { get; set; }
        public TaskCompletionSource<RemoteScore> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Fail(SpadeException e) => Answer.SetResult(new RemoteScore(index, name, null, e));
    }

    private sealed class Call : IAsyncDisposable
    {
        private readonly ScoringStream _stream;
        private readonly CancellationTokenSource _stop;
        private readonly AsyncDuplexStreamingCall<ScoreStreamRequest, ScoreStreamResponse> _call;
        private readonly Task _sending;
        private readonly CancellationToken _cancellation;
        private volatile bool _sentAll;

        public Call(ScoringStream stream, CallInvoker gateway, CancellationToken cancellationToken)
        {
            (_stream, _cancellation) = (stream, cancellationToken);
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _call = new Spade.V1.Scoring.ScoringClient(gateway).ScoreStream(cancellationToken: _stop.Token);
            _sending = SendAsync();
        }

        /// <returns>False: all images are answered.</returns>
        public async Task<bool> NextAsync(CancellationToken cancellationToken)
        {
            if (!await _call.ResponseStream.MoveNext(cancellationToken))
                return _sentAll && _stream._unanswered.IsEmpty
                    ? false : throw new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream early"));
            var answer = _call.ResponseStream.Current;
            if (!_stream._unanswered.TryDequeue(out var sent) || answer.RequestId != Id(sent))
                throw new SpadeException(SpadeError.DataLoss,
                    $"the server answered request {answer.RequestId} in the wrong order; client and server are incompatible");
            if (answer.OutcomeCase == ScoreStreamResponse.OutcomeOneofCase.Result)
                sent.Answer.SetResult(new RemoteScore(sent.Index, sent.Name, Mapping.ToScore(answer.Result), null));
            else if (Mapping.ToException(answer.Error) is { RetryAfter: null, Error: not SpadeError.Unavailable } e) sent.Fail(e);
            else _ = _stream.RetryAsync(sent, _cancellation);
            return true;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            _call.Dispose();
            await _sending.ContinueWith(_ => { }, TaskScheduler.Default);
            _stop.Dispose();
        }

        private async Task SendAsync()
        {
            foreach (var sent in _stream._unanswered.ToArray()) await SendAsync(sent);
            await foreach (var sent in _stream._toSend.Reader.ReadAllAsync(_stop.Token))
            {
                _stream._unanswered.Enqueue(sent);
                await SendAsync(sent);
            }
            _sentAll = true;
            await _call.RequestStream.CompleteAsync();
        }

        private async Task SendAsync(Sent sent)
        {
            foreach (var (image, more) in Outgoing.Chunks(sent.Image!, _stream.Options.ChunkBytes))
                await _call.RequestStream.WriteAsync(new ScoreStreamRequest
                {
                    RequestId = Id(sent),
                    Category = _stream.Category,
                    Image = image,
                    More = more
                }, _stop.Token);
        }

        private static ulong Id(Sent sent) => (ulong)sent.Index + 1;
    }

    private SpadeClientOptions Options => options;
    private string Category => category;
}
