using System.Threading.RateLimiting;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc.Admission;

/// <summary>Bounds the number of open streams per caller: each holds up to one HTTP/2 window of unread bytes in addition to its admitted
/// image.</summary>
internal sealed class StreamLimit(IOptions<GrpcOptions> options) : IRateLimiterPolicy<string>
{
    public const string Name = "streams";

    public Func<OnRejectedContext, CancellationToken, ValueTask> OnRejected => (context, _) =>
        new(Problems.WriteAsync(context.HttpContext, StatusCodes.Status429TooManyRequests,
            $"more than {options.Value.StreamsPerCaller} streams of one caller at a time; end some, or send more images over each"));

    public RateLimitPartition<string> GetPartition(HttpContext context) => RateLimitPartition.GetConcurrencyLimiter(context.CallerId(),
        _ => new ConcurrencyLimiterOptions { PermitLimit = options.Value.StreamsPerCaller });

    public static void Bound(IEndpointConventionBuilder endpoints) => endpoints.Add(endpoint =>
    {
        if (endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault() is { Method.Type: not MethodType.Unary })
            endpoint.Metadata.Add(new EnableRateLimitingAttribute(Name));
    });
}
