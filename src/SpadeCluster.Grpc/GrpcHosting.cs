using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using SpadeCluster.Grpc.Admission;
using SpadeCluster.Grpc.Errors;
using SpadeCluster.Grpc.Galleries;
using SpadeCluster.Grpc.Scoring;

namespace SpadeCluster.Grpc;

/// <summary>spade.v1 over gRPC, with health and reflection. Needs, from the host: IScoringService, IGalleryServices, IVersionWatch.</summary>
public static class GrpcHosting
{
    // Room for what stands around an image in its message.
    private const int MessageOverhead = 64 << 10;

    public static IServiceCollection AddSpadeGrpc(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<GrpcDoorOptions>().ValidateDataAnnotations();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<AdmissionControl>();
        services.AddGrpc(o => o.Interceptors.Add<ErrorInterceptor>());
        services.AddSingleton<IConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>>(s => new ConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>(
            o => o.MaxReceiveMessageSize = s.GetRequiredService<IOptions<GrpcDoorOptions>>().Value.MaxImageBytes + MessageOverhead));
        services.AddGrpcHealthChecks();
        services.AddGrpcReflection();
        return services;
    }

    public static IEndpointRouteBuilder MapSpadeGrpc(this IEndpointRouteBuilder routes)
    {
        routes.MapGrpcService<ScoringGrpcService>();
        routes.MapGrpcService<GalleriesGrpcService>();
        routes.MapGrpcHealthChecksService();
        routes.MapGrpcReflectionService();
        return routes;
    }
}
