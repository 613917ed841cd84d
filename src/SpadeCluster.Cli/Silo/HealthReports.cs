using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace SpadeCluster.Cli.Silo;

/// <summary>Health checks as JSON: the total status, and for each check its status, description and data.</summary>
internal static class HealthReports
{
    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web)
        {
            Converters = { new JsonStringEnumConverter() },
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
        };

    public static Task WriteAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new
    {
        report.Status,
        Checks = report.Entries.ToDictionary(e => e.Key, e =>
            new
            {
                e.Value.Status,
                Description = e.Value.Description is { Length: > 0 } text ? text : null,
                Data = e.Value.Data.Count > 0
                ? e.Value.Data : null
            }),
    }, Json);
}
