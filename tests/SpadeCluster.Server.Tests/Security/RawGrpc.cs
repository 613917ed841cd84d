using Grpc.Core;
using Grpc.Net.Client;

namespace SpadeCluster.Server.Tests.Security;

/// <summary>Any gRPC method with any bytes.</summary>
internal static class RawGrpc
{
    /// <summary>In HTTP/2 all four kinds of calls are the same: messages sent, messages received.</summary>
    public static async Task<StatusCode> CallAsync(GrpcChannel channel, string method, byte[] message, string? key)
    {
        string[] names = method.TrimStart('/').Split('/');
        var bytes = Marshallers.Create(b => b, b => b);
        var headers = new Metadata();
        if (key is not null) headers.Add("authorization", $"Bearer {key}");
        using var call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(
            new Method<byte[], byte[]>(MethodType.DuplexStreaming, names[0], names[1], bytes, bytes), null,
            new CallOptions(headers, DateTime.UtcNow.AddSeconds(30)));
        try
        {
            await call.RequestStream.WriteAsync(message);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // Refused before it was sent whole: the status says why.
        }
        try
        {
            while (await call.ResponseStream.MoveNext(default))
            {
            }
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }
}
