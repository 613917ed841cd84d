using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Features;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Security;
using SpadeCluster.Server.Telemetry;

namespace SpadeCluster.Server.Hosting;

/// <summary>/v1/models, state, audit and health.</summary>
internal static class ServerEndpoints
{
    private static readonly byte[] LineEnd = [(byte)'\n'];

    public static void MapServer(this IEndpointRouteBuilder app)
    {
        app.Get("/models", async (IEngineStatus engine, CancellationToken c) =>
            Results.Json(await engine.ListModelsAsync(c), ServerJson.Options)).RequireAuthorization(nameof(Role.Viewer))
                .Produces<IReadOnlyList<FeatureModel>>().WithTags("server").Describe("listModels", "The models of the devices.");
        app.Get("/state", (HttpContext context, ServerStatistics statistics, NoticeService notices, Outbox outbox) => Results.Json(
            statistics.Now() with { Notices = notices.Standing(context.User.Scope()), Outbox = outbox.State() }, ServerJson.Options))
            .RequireAuthorization(nameof(Role.Viewer)).Produces<ServerState>().WithTags("server")
            .Describe("getState", "Times, queues, memory, devices, notices and deliveries of this server.");
        app.Get("/audit", (HttpContext context, AuditLog audit, int limit = 200) =>
            Results.Json(audit.Read(Math.Clamp(limit, 1, 1000), context.User.Scope()), ServerJson.Options))
                .RequireAuthorization(nameof(Role.Engineer)).Produces<IReadOnlyList<AuditEntry>>().WithTags("server")
                .Describe("listAudit", "The newest entries of the audit log, of the categories that the key allows.", 400);
        app.Get("/audit/export", (AuditLog audit) => Results.Stream(async stream =>
        {
            foreach (var entry in audit.All())
            {
                await JsonSerializer.SerializeAsync(stream, entry, ServerJson.Options);
                await stream.WriteAsync(LineEnd);
            }
        }, "application/x-ndjson")).RequireAuthorization(KeyEndpoints.Everything).Produces<string>(200, "application/x-ndjson")
            .WithTags("server")
            .Describe("exportAudit", "The whole audit log, the oldest entry first; 'spade audit verify FILE' checks its chain.");
        app.Get("/health/live", () => Results.Text("ok")).Produces<string>(200, "text/plain").WithTags("server")
            .Describe("getLive", "Whether the process answers.");
        app.Get("/health/ready", async (Readiness readiness, CancellationToken c) =>
        {
            var report = await readiness.CheckAsync(c);
            return Results.Json(report, ServerJson.Options, statusCode: report.HttpStatus);
        }).Produces<ReadinessReport>().Produces<ReadinessReport>(503).WithTags("server")
            .Describe("getReady", "Whether a photograph would be scored now, with the reasons if not.");
    }
}
