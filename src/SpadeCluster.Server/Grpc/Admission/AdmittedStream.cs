using SpadeCluster.Server.Admission;
using Grpc.Core;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc.Admission;

/// <summary>A client's stream of images in chunks. Each message is read when it is admitted; until then it stays with the client.</summary>
/// <param name="stopping">Cancelled when this server stops.</param>
internal sealed class AdmittedStream<T>(IAsyncStreamReader<T> messages, ServerCallContext context, AdmissionControl admission,
    GrpcOptions options, CancellationToken stopping) : IDisposable
{
    private AdmissionControl.Admission? _admitted;

    public T Current => messages.Current;

    /// <summary>Hands over the admission of the image that was read; the next message is admitted anew.</summary>
    public IDisposable? TakeAdmission()
    {
        var admitted = _admitted;
        _admitted = null;
        return admitted;
    }

    /// <summary>Frees the bytes of the last image, which is done; its admission is used for the next message.</summary>
    public void Forget() => _admitted?.Empty();

    /// <param name="open">Whether further chunks of an image are expected; their time is limited, because the image holds memory.</param>
    /// <exception cref="SpadeException">ResourceExhausted: the message is too long. InvalidArgument: the rest of an image does not arrive.
    /// Unavailable: this server stops.</exception>
    public async Task<bool> MoveNextAsync(bool open, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping);
        try
        {
            if (open) limit.CancelAfter(options.DefaultDeadline);
            if (await MessageHead.PeekAsync(context.GetHttpContext().Request.BodyReader, limit.Token) is not { } head) return false;
            limit.CancelAfter(Timeout.InfiniteTimeSpan);
            long bytes = head.Bytes(options.MaxMessageBytes);
            if (_admitted is null) _admitted = await admission.AdmitInTurnAsync(bytes, limit.Token, context.GetHttpContext().CallerId());
            else await _admitted.GrowAsync(bytes, limit.Token);
            limit.CancelAfter(options.DefaultDeadline);
            return await messages.MoveNext(limit.Token);
        }
        catch (Exception) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw stopping.IsCancellationRequested
                ? new SpadeException(SpadeError.Unavailable, "this gateway is shutting down; use another one")
                : new SpadeException(SpadeError.InvalidArgument,
                    $"the rest of an image did not arrive within {options.DefaultDeadline.TotalSeconds:0} s; send its chunks without "
                    + $"pauses");
        }
    }

    public void Dispose() => _admitted?.Dispose();
}
