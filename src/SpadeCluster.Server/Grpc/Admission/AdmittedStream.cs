using SpadeCluster.Server.Admission;
using Grpc.Core;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc.Admission;

/// <summary>A client's stream of images in chunks. Each message is read when there is room for it; until then it stays with the
/// client.</summary>
/// <param name="stopping">This server is to stop.</param>
internal sealed class AdmittedStream<T>(IAsyncStreamReader<T> messages, ServerCallContext context, AdmissionControl admission,
    GrpcOptions options, CancellationToken stopping) : IDisposable
{
    private AdmissionControl.Place? _place;

    public T Current => messages.Current;

    /// <summary>Hands over the place of the image that was read; the next message takes another one.</summary>
    public IDisposable? TakePlace()
    {
        var place = _place;
        _place = null;
        return place;
    }

    /// <summary>What was read has been dealt with: its room is given back, the place serves the next message.</summary>
    public void Forget() => _place?.Empty();

    /// <param name="open">Further chunks of an image are to come. It holds room, so they must not take for ever.</param>
    /// <exception cref="SpadeException">ResourceExhausted: the message is too long. InvalidArgument: the rest of an image does
    /// not come. Unavailable: this server is to stop.</exception>
    public async Task<bool> MoveNextAsync(bool open, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping);
        try
        {
            if (open) limit.CancelAfter(options.DefaultDeadline);
            if (await MessageHead.PeekAsync(context.GetHttpContext().Request.BodyReader, limit.Token) is not { } head) return false;
            limit.CancelAfter(Timeout.InfiniteTimeSpan);
            long bytes = head.Bytes(options.MaxMessageBytes);
            if (_place is null) _place = await admission.AdmitInTurnAsync(bytes, limit.Token, context.GetHttpContext().CallerId());
            else await _place.GrowAsync(bytes, limit.Token);
            limit.CancelAfter(options.DefaultDeadline);
            return await messages.MoveNext(limit.Token);
        }
        catch (Exception) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw stopping.IsCancellationRequested
                ? new SpadeException(SpadeError.Unavailable, "this gateway is shutting down; go on with another one")
                : new SpadeException(SpadeError.InvalidArgument,
                    $"the rest of an image did not come within {options.DefaultDeadline.TotalSeconds:0} s; send its chunks without pause");
        }
    }

    public void Dispose() => _place?.Dispose();
}
