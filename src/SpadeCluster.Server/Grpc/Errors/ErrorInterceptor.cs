using SpadeCluster.Server.Security;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;

namespace SpadeCluster.Server.Grpc.Errors;

/// <summary>Converts failures to statuses. Unexpected failures are logged here; clients get no details of them.</summary>
internal sealed partial class ErrorInterceptor(ILogger<ErrorInterceptor> logger) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation)
        => TranslateAsync(context, () => continuation(request, context));

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream,
        ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        => TranslateAsync(context, () => continuation(requestStream, context));

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        => TranslateAsync(context, () => WithResult(continuation(request, responseStream, context)));

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        => TranslateAsync(context, () => WithResult(continuation(requestStream, responseStream, context)));

    private async Task<T> TranslateAsync<T>(ServerCallContext context, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (SpadeException e)
        {
            throw GrpcStatus.ToRpc(e);
        }
        catch (InvalidProtocolBufferException)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                "these bytes are no message of this method: generate the client from this server's proto files"));
        }
        catch (OutOfScopeException e)
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, e.Message));
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw DateTime.UtcNow >= context.Deadline
                ? new RpcException(new Status(StatusCode.DeadlineExceeded,
                    "the call's deadline passed; allow more time, or send less at once"))
                : new RpcException(new Status(StatusCode.Cancelled, "the client gave up"));
        }
        catch (OperationCanceledException)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded,
                "the call took longer than this server allows calls without a deadline; set one"));
        }
        catch (IOException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "the client is gone"));
        }
        catch (Exception e) when (e is not RpcException)
        {
            LogUnexpected(context.Method, e);
            throw new RpcException(new Status(StatusCode.Internal, "an internal error; the server's log has it"));
        }
    }

    private static async Task<bool> WithResult(Task call)
    {
        await call;
        return true;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} failed unexpectedly")]
    private partial void LogUnexpected(string method, Exception e);
}
