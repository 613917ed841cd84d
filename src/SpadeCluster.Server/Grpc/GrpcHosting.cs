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
using SpadeCluster.Server.Grpc.Inference;
using SpadeCluster.Server.Grpc.Reports;
using SpadeCluster.Server.Grpc.Results;
using SpadeCluster.Server.Grpc.Scoring;
using SpadeCluster.Server.Admission;
using SpadeCluster.Server.Galleries;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc;

/// <summary>spade.v1 and the Open Inference Protocol over gRPC, with health and reflection. The host must provide IScoringService,
/// IGalleryServices and IVersionWatch.</summary>
public static class GrpcHosting
{
    private const int StreamWindow = 256 << 10;

    /// <summary>Full names of the services for clients. As text, because their descriptors take a tenth of a second of a start.</summary>
    internal static IReadOnlyList<string> Services { get; } =
        ["spade.v1.Scoring", "spade.v1.Galleries", "spade.v1.Results", "spade.v1.Reports", "inference.GRPCInferenceService"];

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
            // Their route would match every path of two parts, so that HTTP's answers to wrong methods and content types would be lost.
            o.IgnoreUnknownServices = true;
        });
        services.AddSingleton<IConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>>(s =>
            new ConfigureOptions<global::Grpc.AspNetCore.Server.GrpcServiceOptions>(
            o => o.MaxReceiveMessageSize = s.GetRequiredService<IOptions<GrpcOptions>>().Value.MaxMessageBytes));
        services.AddGrpcHealthChecks(o =>
        {
            foreach (string service in Services) o.Services.Map(service, _ => true);
        });
        services.AddGrpcReflection();
        // Larger than a stream's window, so that data of waiting streams does not block other calls on their connection.
        services.Configure<KestrelServerOptions>(o =>
        {
            o.Limits.Http2.InitialStreamWindowSize = StreamWindow;
            o.Limits.Http2.InitialConnectionWindowSize = StreamWindow * o.Limits.Http2.MaxStreamsPerConnection;
        });
        return services;
    }

    /// <summary>Every call needs a key with the same role as over HTTP; health needs none.</summary>
    public static IEndpointRouteBuilder MapSpadeGrpc(this IEndpointRouteBuilder routes)
    {
        // Kestrel's limit of a request is smaller than the largest image; GrpcOptions has the limit.
        var scoring = routes.MapGrpcService<ScoringGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute());
        scoring.AdmitImages(nameof(ScoringGrpcService.Score));
        var galleries = routes.MapGrpcService<GalleriesGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute());
        var results = routes.MapGrpcService<ResultsGrpcService>();
        var inference = routes.MapGrpcService<InferenceGrpcService>().WithMetadata(new DisableRequestSizeLimitAttribute());
        inference.AdmitImages(nameof(InferenceGrpcService.ModelInfer));
        var reports = routes.MapGrpcService<ReportsGrpcService>();
        var health = routes.MapGrpcHealthChecksService().WithMetadata(new RequestSizeLimitAttribute(RequestGuard.MaxOpenBody));
        var reflection = routes.MapGrpcReflectionService();
        scoring.RequireAuthorization(nameof(Role.Operator));
        galleries.Add(endpoint =>
            endpoint.Metadata.Add(new AuthorizeAttribute(Reads(endpoint) ? nameof(Role.Viewer) : nameof(Role.Engineer))));
        results.Add(endpoint => endpoint.Metadata.Add(new AuthorizeAttribute(MethodOf(endpoint) switch
        {
            ['G', 'e', 't', ..] or ['L', 'i', 's', 't', ..] => nameof(Role.Viewer),
            nameof(ResultsGrpcService.GiveFeedback) or nameof(ResultsGrpcService.UndoFeedback) => nameof(Role.Operator),
            _ => nameof(Role.Engineer),
        })));
        inference.Add(endpoint =>
        {
            // As over HTTP: the server's health and name are open, models are not.
            if (MethodOf(endpoint) is not ("ServerLive" or "ServerReady" or "ServerMetadata") and var method)
                endpoint.Metadata.Add(new AuthorizeAttribute(method == nameof(InferenceGrpcService.ModelInfer) ? nameof(Role.Operator)
                    : nameof(Role.Viewer)));
            else
                endpoint.Metadata.Add(new RequestSizeLimitAttribute(RequestGuard.MaxOpenBody));
        });
        reports.RequireAuthorization(nameof(Role.Viewer));
        reflection.RequireAuthorization(nameof(Role.Viewer));
        foreach (var service in (IEndpointConventionBuilder[])[scoring, galleries, results, reports, inference, health, reflection])
            StreamLimit.Bound(service);
        return routes;
    }

    private static bool Reads(EndpointBuilder endpoint) => MethodOf(endpoint) is "GetGallery" or "ListImages" or "Diff" or "GetShadow"
        or "GetHistory" or "ListGalleries" or "WatchVersion";

    private static string? MethodOf(EndpointBuilder endpoint)
        => endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault()?.Method.Name;
}
