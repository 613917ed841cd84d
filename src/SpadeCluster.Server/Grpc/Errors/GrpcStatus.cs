using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Spade.V1;

namespace SpadeCluster.Server.Grpc.Errors;

/// <summary>Converts failures to gRPC statuses: a status code, one sentence, and machine-readable details.</summary>
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
        if (e.RetryAfter is { } delay)
            status.Details.Add(Pack("google.rpc.RetryInfo", new RpcRetryInfo { RetryDelay = Duration.FromTimeSpan(delay) }));
        return new RpcException(new Status(code, e.Message), new Metadata { { DetailsTrailer, status.ToByteArray() } });
    }

    /// <summary>For a stream whose key was revoked or has expired since it began.</summary>
    public static RpcException KeyEnded()
        => new(new Status(StatusCode.Unauthenticated, "this key was revoked or has expired; use another one"));

    /// <summary>An answer that is only a status, by the rules of gRPC over HTTP/2.</summary>
    public static void Refuse(HttpResponse response, RpcException e)
    {
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)e.StatusCode).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(e.Status.Detail);
        foreach (var trailer in e.Trailers)
            response.Headers[trailer.Key] = trailer.IsBinary ? Convert.ToBase64String(trailer.ValueBytes) : trailer.Value;
    }

    /// <summary>A refusal by the server's pipeline (no key, wrong role, wrong host name) in the form for gRPC clients.</summary>
    public static void Refuse(HttpResponse response, int httpStatus, string detail) =>
        Refuse(response, new RpcException(new Status(httpStatus switch
        {
            StatusCodes.Status401Unauthorized => StatusCode.Unauthenticated,
            StatusCodes.Status403Forbidden => StatusCode.PermissionDenied,
            StatusCodes.Status404NotFound => StatusCode.Unimplemented,
            StatusCodes.Status429TooManyRequests => StatusCode.ResourceExhausted,
            < StatusCodes.Status500InternalServerError => StatusCode.InvalidArgument,
            _ => StatusCode.Internal,
        }, detail)));

    public static bool IsGrpc(this HttpRequest request)
        => request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true;

    public static Error ToError(SpadeException e)
        => new() { Code = (int)CodeOf(e.Error), Message = e.Message, RetryAfterMs = (uint)(e.RetryAfter?.TotalMilliseconds ?? 0) };

    private static Any Pack(string type, IMessage message) =>
        new() { TypeUrl = "type.googleapis.com/" + type, Value = message.ToByteString() };
}
