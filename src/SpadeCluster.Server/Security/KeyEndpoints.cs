using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Security;

/// <summary>A key in the API.</summary>
/// <param name="Categories">Empty: all.</param>
/// <param name="Key">The key's text; only in the answer to its creation.</param>
public sealed record KeyAnswer(string Id, string Name, Role Role, IReadOnlyList<string> Categories, DateTimeOffset Created,
    DateTimeOffset? Expires, DateTimeOffset? Revoked, DateTimeOffset? Used, string? Key = null)
{
    public static KeyAnswer Of(ApiKey key, string? text = null) =>
        new(key.Id, key.Name, key.Role, key.Categories, key.Created, key.Expires, key.Revoked, key.Used, text);
}

/// <param name="Categories">Limits it to these; null or empty: all.</param>
/// <param name="Days">Until it expires; null: never.</param>
public sealed record KeyRequest(string Name, Role Role, IReadOnlyList<string>? Categories = null, double? Days = null);

/// <summary>/v1/keys and the audit log: for engineers with a key for all categories, because a limited key must not create an unlimited
/// one.</summary>
internal static class KeyEndpoints
{
    /// <summary>Policy: an engineer for all categories.</summary>
    public const string Everything = "Everything";

    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        var keys = app.MapGroup("/keys").RequireAuthorization(Everything).WithTags("keys");
        keys.Get("/", (ApiKeyStore store) => Results.Json(store.List().Select(k => KeyAnswer.Of(k)), ServerJson.Options))
            .Produces<IReadOnlyList<KeyAnswer>>().Describe("listKeys", "All keys, without their text.");
        keys.Post("/", async (KeyRequest request, HttpContext context, KeyChanges changes) =>
        {
            var (text, key) = await changes.CreateAsync(request, context.User.CallerName());
            return Results.Json(KeyAnswer.Of(key, text), ServerJson.Options, statusCode: StatusCodes.Status201Created);
        }).Produces<KeyAnswer>(StatusCodes.Status201Created).Describe("createKey", "Creates a key; its text is only in this answer.", 507);
        keys.Delete("/{id}", async (string id, HttpContext context, KeyChanges changes) =>
        {
            await changes.RevokeAsync(id, context.User.CallerName());
            return Results.NoContent();
        }).Produces(StatusCodes.Status204NoContent).Describe("revokeKey", "Revokes a key and all its sessions at once; open "
            + "streams end with their next image, version or heartbeat.", 404, 507);
    }
}
