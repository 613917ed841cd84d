using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace SpadeCluster.Server.Hosting;

/// <summary>
/// Routes like ASP.NET's MapGet, MapPost, MapPut and MapDelete, whose handlers are compiled by their first requests. ASP.NET compiles
/// them all, some eighty, before the server answers.
/// </summary>
internal static class Routes
{
    public static RouteHandlerBuilder Get(this IEndpointRouteBuilder app, string pattern, Delegate handler)
        => Map(app, pattern, HttpMethods.Get, handler);

    public static RouteHandlerBuilder Post(this IEndpointRouteBuilder app, string pattern, Delegate handler)
        => Map(app, pattern, HttpMethods.Post, handler);

    public static RouteHandlerBuilder Put(this IEndpointRouteBuilder app, string pattern, Delegate handler)
        => Map(app, pattern, HttpMethods.Put, handler);

    public static RouteHandlerBuilder Delete(this IEndpointRouteBuilder app, string pattern, Delegate handler)
        => Map(app, pattern, HttpMethods.Delete, handler);

    private static RouteHandlerBuilder Map(IEndpointRouteBuilder app, string pattern, string method, Delegate handler)
        => RouteHandlerServices.Map(app, pattern, handler, [method], RequestDelegateFactory.InferMetadata, CompileLater);

    private static RequestDelegateResult CompileLater(Delegate handler, RequestDelegateFactoryOptions options,
        RequestDelegateMetadataResult? metadata)
    {
        var compiled = new Lazy<RequestDelegate>(() => RequestDelegateFactory.Create(handler, options, metadata).RequestDelegate);
        return new RequestDelegateResult(context => compiled.Value(context), metadata?.EndpointMetadata ?? []);
    }
}
