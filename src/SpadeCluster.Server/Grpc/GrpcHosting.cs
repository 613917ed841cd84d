using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using SpadeCluster.Server.Grpc.Admission;
using SpadeCluster.Server.Grpc.Errors;
using SpadeCluster.Server.Grpc.Galleries;
using SpadeCluster.Server.Grpc.Scoring;

namespace SpadeCluster.Server.Grpc;

/// <summary>spade.v1 over gRPC, with health and reflection. Needs, from the host: IScoringService, IGalleryServices, IVersionWatch.</summary>
public static class GrpcHosting
{
    private const int StreamWindow = 256 << 10;

    public static IServiceCollection AddSpadeGrpc(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<GrpcDoorOptions>().ValidateDataAnnotations();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<AdmissionControl>();
        services.AddGrpc(o => o.Interceptors.Add<ErrorInterceptor>());
        services.AddSingleton<IConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>>(s => new ConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>(
            o => o.MaxReceiveMessageSize = s.GetRequiredService<IOptions<GrpcDoorOptions>>().Value.MaxMessageBytes));
        services.AddGrpcHealthChecks(o =>
        {
            foreach (string service in new[] { Spade.V1.Scoring.Descriptor.FullName, Spade.V1.Galleries.Descriptor.FullName }) o.Services.Map(service, _ => true);
        });
        services.AddGrpcReflection();
        // What streams that wait have sent must not use up their connection's window, or all other calls on it would wait too.
        services.Configure<KestrelServerOptions>(o =>
        {
            o.Limits.Http2.InitialStreamWindowSize = StreamWindow;
            o.Limits.Http2.InitialConnectionWindowSize = StreamWindow * o.Limits.Http2.MaxStreamsPerConnection;
        });
        return services;
    }

    public static IEndpointRouteBuilder MapSpadeGrpc(this IEndpointRouteBuilder routes)
    {
        // Kestrel's own limit of a request, 30 MB, is less than an image may have; the door's options bound them instead.
        routes.MapGrpcService<ScoringGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute()).AdmitUnaryCalls();
        routes.MapGrpcService<GalleriesGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute());
        routes.MapGrpcHealthChecksService();
        routes.MapGrpcReflectionService();
        return routes;
    }
}
