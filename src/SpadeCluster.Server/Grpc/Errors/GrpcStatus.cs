using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Spade.V1;

namespace SpadeCluster.Server.Grpc.Errors;

/// <summary>Failures in gRPC's terms: a status code, one sentence, and machine-readable details.</summary>
internal static class GrpcStatus
{
    private const string DetailsTrailer = "grpc-status-details-bin", Domain = "spadecluster";

    public static StatusCode CodeOf(SpadeError error) => error switch
    {
        SpadeError.InvalidArgument => StatusCode.InvalidArgument,
        SpadeError.NotFound => StatusCode.NotFound,
        SpadeError.FailedPrecondition => StatusCode.FailedPrecondition,
        SpadeError.ResourceExhausted => StatusCode.ResourceExhausted,
        SpadeError.Unavailable => StatusCode.Unavailable,
        SpadeError.DataLoss => StatusCode.DataLoss,
        _ => StatusCode.Internal,
    };

    public static RpcException ToRpc(SpadeException e)
    {
        var code = CodeOf(e.Error);
        var status = new RpcStatus { Code = (int)code, Message = e.Message };
        status.Details.Add(Pack("google.rpc.ErrorInfo", new RpcErrorInfo { Reason = e.Error.ToString(), Domain = Domain }));
        if (e.RetryAfter is { } delay) status.Details.Add(Pack("google.rpc.RetryInfo", new RpcRetryInfo { RetryDelay = Duration.FromTimeSpan(delay) }));
        return new RpcException(new Status(code, e.Message), new Metadata { { DetailsTrailer, status.ToByteArray() } });
    }

    public static Error ToError(SpadeException e)
        => new() { Code = (int)CodeOf(e.Error), Message = e.Message, RetryAfterMs = (uint)(e.RetryAfter?.TotalMilliseconds ?? 0) };

    private static Any Pack(string type, IMessage message) => new() { TypeUrl = "type.googleapis.com/" + type, Value = message.ToByteString() };
}
