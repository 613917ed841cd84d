using SpadeCluster.Galleries;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Features;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Hosting;

/// <summary>/v1/models, state, audit and health.</summary>
internal static class ServerEndpoints
{
    public static void MapServer(this IEndpointRouteBuilder app)
    {
        app.MapGet("/models", async (IEngineStatus engine, CancellationToken c) =>
            Results.Json(await engine.ListModelsAsync(c), ServerJson.Options)).RequireAuthorization(nameof(Role.Viewer))
                .Produces<IReadOnlyList<FeatureModel>>().WithTags("server");
        app.MapGet("/state", (HttpContext context, ServerStatistics statistics, NoticeService notices) =>
            Results.Json(statistics.Now() with { Notices = notices.Standing(context.User.Scope()) }, ServerJson.Options))
            .RequireAuthorization(nameof(Role.Viewer)).Produces<ServerState>().WithTags("server");
        app.MapGet("/audit", (HttpContext context, AuditLog audit, int limit = 200) =>
            Results.Json(audit.Read(Math.Clamp(limit, 1, 1000), context.User.Scope()), ServerJson.Options))
                .RequireAuthorization(nameof(Role.Engineer)).Produces<IReadOnlyList<AuditEntry>>().WithTags("server");
        app.MapGet("/health/live", () => Results.Text("ok")).WithTags("server");
        app.MapGet("/health/ready", ReadyAsync).WithTags("server");
    }

    /// <summary>Ready: the galleries can be read, the log can be written, and no device is lost.</summary>
    /// <exception cref="SpadeException">Unavailable: a device is lost; it stays so until this process is started again.</exception>
    public static async Task<IResult> ReadyAsync(IGalleryServices galleries, IEngineStatus engine, Storage.ServerDatabase database,
        CancellationToken cancellation)
    {
        await galleries.For("health").ListAsync(cancellation);
        await database.WriteAsync(_ => { });
        if (engine.Extractors.FirstOrDefault(e => !e.IsHealthy) is { } lost)
            throw new SpadeException(SpadeError.Unavailable, $"{lost.Device}: {lost.Problem}; start this server again");
        return Results.Text("ok");
    }
}
