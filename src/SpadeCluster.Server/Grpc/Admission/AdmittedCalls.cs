using SpadeCluster.Server.Admission;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using SpadeCluster.Server.Grpc.Errors;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc.Admission;

/// <summary>Admits calls of a unary method with images by the length of their message, before it is read.</summary>
internal static class AdmittedCalls
{
    public static IEndpointConventionBuilder AdmitImages(this IEndpointConventionBuilder endpoints, string method)
    {
        endpoints.Add(endpoint =>
        {
            if (endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault()?.Method.Name != method
                || endpoint.RequestDelegate is not { } call)
                return;
            endpoint.RequestDelegate = async context =>
            {
                AdmissionControl.Admission place;
                try
                {
                    var head = await MessageHead.PeekAsync(context.Request.BodyReader, context.RequestAborted);
                    var services = context.RequestServices;
                    place = services.GetRequiredService<AdmissionControl>()
                        .Admit(head?.Bytes(services.GetRequiredService<IOptions<GrpcOptions>>().Value.MaxMessageBytes) ?? 0,
                            context.CallerId());
                }
                catch (SpadeException e)
                {
                    GrpcStatus.Refuse(context.Response, GrpcStatus.ToRpc(e));
                    return;
                }
                using (place) await call(context);
            };
        });
        return endpoints;
    }
}
