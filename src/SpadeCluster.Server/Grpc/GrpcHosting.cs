using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Authorization;
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
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc;

/// <summary>spade.v1 over gRPC, with health and reflection. Needs, from the host: IScoringService, IGalleryServices,
/// IVersionWatch.</summary>
public static class GrpcHosting
{
    private const int StreamWindow = 256 << 10;

    public static IServiceCollection AddSpadeGrpc(this IServiceCollection services)
    {
        services.AddOptionsWithValidateOnStart<GrpcOptions>().ValidateDataAnnotations();
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptionsWithValidateOnStart<AdmissionOptions>().ValidateDataAnnotations();
        services.TryAddSingleton<AdmissionControl>();
        services.TryAddSingleton<ScoringSlots>();
        services.TryAddSingleton<Recalibration>();
        services.AddGrpc(o =>
        {
            o.Interceptors.Add<ErrorInterceptor>();
            // Their route would take every address of two parts, and with it the answers "wrong method" and "wrong content type".
            o.IgnoreUnknownServices = true;
        });
        services.AddSingleton<IConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>>(s =>
            new ConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>(
            o => o.MaxReceiveMessageSize = s.GetRequiredService<IOptions<GrpcOptions>>().Value.MaxMessageBytes));
        services.AddGrpcHealthChecks(o =>
        {
            foreach (string service in new[] { Spade.V1.Scoring.Descriptor.FullName, Spade.V1.Galleries.Descriptor.FullName })
                o.Services.Map(service, _ => true);
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

    /// <summary>Every call needs a key, with the role that the same work needs over HTTP; health answers anybody.</summary>
    public static IEndpointRouteBuilder MapSpadeGrpc(this IEndpointRouteBuilder routes)
    {
        // Kestrel's own limit of a request is less than an image may have; GrpcOptions bounds them instead.
        var scoring = routes.MapGrpcService<ScoringGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute());
        scoring.AdmitUnaryCalls();
        var galleries = routes.MapGrpcService<GalleriesGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute());
        var health = routes.MapGrpcHealthChecksService();
        var reflection = routes.MapGrpcReflectionService();
        scoring.RequireAuthorization(nameof(Role.Operator));
        galleries.Add(endpoint =>
            endpoint.Metadata.Add(new AuthorizeAttribute(Reads(endpoint) ? nameof(Role.Viewer) : nameof(Role.Engineer))));
        reflection.RequireAuthorization(nameof(Role.Viewer));
        foreach (var service in (IEndpointConventionBuilder[])[scoring, galleries, health, reflection]) StreamLimit.Bound(service);
        return routes;
    }

    private static bool Reads(EndpointBuilder endpoint)
        => endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault()?.Method.Name
            is "GetGallery" or "GetHistory" or "ListGalleries" or "WatchVersion";
}
