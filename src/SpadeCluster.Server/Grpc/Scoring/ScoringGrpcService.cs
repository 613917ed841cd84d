using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Admission;
using System.Threading.Channels;
using Grpc.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Spade.V1;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Grpc.Admission;
using SpadeCluster.Server.Grpc.Errors;
using SpadeCluster.Server.Grpc.Images;
using SpadeCluster.Scoring;

namespace SpadeCluster.Server.Grpc.Scoring;

/// <summary>spade.v1.Scoring: scores and logs in the same way as over HTTP.</summary>
internal sealed class ScoringGrpcService(
    DecisionService decisions, AdmissionControl admission, ApiKeyStore keys, IOptions<GrpcOptions> options,
    IHostApplicationLifetime lifetime)
    : Spade.V1.Scoring.ScoringBase
{
    public override async Task<ScoreResponse> Score(ScoreRequest request, ServerCallContext context)
    {
        Require(context, request.Category);
        var source = ImageSources.From(request.Image);
        CheckSize(request.Image);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        if (context.Deadline == DateTime.MaxValue) limit.CancelAfter(options.Value.DefaultDeadline);
        return new ScoreResponse
        {
            Result =
            ScoreMapping.ToMessage(await ScoreAsync(request.Category, source, context, limit.Token), request.IncludeMap)
        };
    }

    public override async Task ScoreStream(IAsyncStreamReader<ScoreStreamRequest> requestStream,
        IServerStreamWriter<ScoreStreamResponse> responseStream, ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        // Answers in the order of the requests. When it is full, reading pauses, and so does the client, by HTTP/2's flow control.
        var answers = Channel.CreateBounded<Task<ScoreStreamResponse>>(
            new BoundedChannelOptions(options.Value.StreamConcurrency) { SingleReader = true, SingleWriter = true });
        using var requests = new AdmittedStream<ScoreStreamRequest>(requestStream, context, admission, options.Value,
            lifetime.ApplicationStopping);
        var reading = ReadAsync(requests, answers.Writer, context, stop.Token);
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(stop.Token)) await responseStream.WriteAsync(await answer, stop.Token);
            await reading;
        }
        finally
        {
            // When the stream ends for any reason, all its work ends.
            await stop.CancelAsync();
            await reading.ContinueWith(_ => { }, TaskScheduler.Default);
            while (answers.Reader.TryRead(out var left)) await left.ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task ReadAsync(AdmittedStream<ScoreStreamRequest> requests, ChannelWriter<Task<ScoreStreamResponse>> answers,
        ServerCallContext context, CancellationToken cancellationToken)
    {
        try
        {
            var image = new ChunkedImage(options.Value.MaxImageBytes);
            ScoreStreamRequest? first = null;
            bool more = false, skipping = false;
            while (await requests.MoveNextAsync(more, cancellationToken))
            {
                var request = requests.Current;
                if (!more)
                {
                    if (!keys.Admits(context.GetHttpContext().User)) throw GrpcStatus.KeyEnded();
                    CheckOrder(first, first = request);
                    Require(context, request.Category);
                }
                else if (request.RequestId != first!.RequestId)
                    throw new SpadeException(SpadeError.InvalidArgument,
                        $"request {request.RequestId} began before the last chunk of request {first.RequestId}; send 'more' in all but "
                        + $"the last chunk");
                more = request.More;
                try
                {
                    if (!skipping && image.Add(request.Image, more))
                    {
                        var source = image.Take();
                        var place = requests.TakeAdmission();
                        await answers.WriteAsync(AnswerAsync(first, source, place, context, cancellationToken), cancellationToken);
                    }
                }
                catch (SpadeException e)
                {
                    // Only this image failed: its remaining chunks are skipped, and the stream continues.
                    image.Reset();
                    skipping = true;
                    await answers.WriteAsync(Task.FromResult(new ScoreStreamResponse
                    {
                        RequestId = first.RequestId,
                        Error = GrpcStatus.ToError(e)
                    }), cancellationToken);
                }
                if (skipping) requests.Forget();
                if (!more) requests.TakeAdmission()?.Dispose();
                skipping &= more;
            }
            answers.Complete();
        }
        catch (Exception e)
        {
            answers.Complete(e);
            throw;
        }
    }

    private async Task<ScoreStreamResponse> AnswerAsync(ScoreStreamRequest request, ImageSource source, IDisposable? place,
        ServerCallContext context, CancellationToken cancellationToken)
    {
        using (place)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(options.Value.DefaultDeadline);
            try
            {
                var scored = await ScoreAsync(request.Category, source, context, limit.Token);
                return new ScoreStreamResponse
                {
                    RequestId = request.RequestId,
                    Result = ScoreMapping.ToMessage(scored, request.IncludeMap)
                };
            }
            catch (SpadeException e)
            {
                return new ScoreStreamResponse { RequestId = request.RequestId, Error = GrpcStatus.ToError(e) };
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return new ScoreStreamResponse
                {
                    RequestId = request.RequestId,
                    Error = new Error
                    {
                        Code = (int)StatusCode.DeadlineExceeded,
                        Message = $"{source.Name}: not scored within {options.Value.DefaultDeadline.TotalSeconds:0} s; try again"
                    }
                };
            }
        }
    }

    private async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, ServerCallContext context,
        CancellationToken cancellationToken)
    {
        CategoryName.Check(category);
        var image = new SentImage(SentImage.Harmless(source.Name, "image"), await source.ReadAsync(cancellationToken))
        { Metadata = source.Metadata };
        string caller = context.GetHttpContext().User.CallerName();
        return (await decisions.ScoreAsync(category, image, caller, cancellationToken)).Scored;
    }

    /// <exception cref="OutOfScopeException">The caller's key is for other categories.</exception>
    private static void Require(ServerCallContext context, string category) => context.GetHttpContext().User.Require(category);

    private static void CheckOrder(ScoreStreamRequest? last, ScoreStreamRequest next)
    {
        if (last is not null && next.RequestId <= last.RequestId)
            throw new SpadeException(SpadeError.InvalidArgument, $"request id {next.RequestId} follows {last.RequestId}; ids must ascend");
    }

    private void CheckSize(Image image)
    {
        if (image.Data.Length > options.Value.MaxImageBytes)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{image.Name}: {image.Data.Length} bytes are above this server's limit of {options.Value.MaxImageBytes}; send a "
                + $"smaller one");
    }
}
