using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace SpadeCluster.Server.Security;

/// <summary>The caller of a request as claims: key id, name, roles, categories.</summary>
internal static class Caller
{
    private const string KeyId = "key", Category = "category";

    /// <summary>A caller on this machine, if no key was ever created.</summary>
    public static ApiKey Local { get; } = new("local", "local", Role.Engineer, [], default, null, null);

    public static ClaimsPrincipal Principal(ApiKey key, string scheme)
    {
        var identity = new ClaimsIdentity(scheme, ClaimTypes.Name, ClaimTypes.Role);
        identity.AddClaim(new Claim(KeyId, key.Id));
        identity.AddClaim(new Claim(ClaimTypes.Name, key.Name));
        for (var role = Role.Viewer; role <= key.Role; role++) identity.AddClaim(new Claim(ClaimTypes.Role, role.ToString()));
        foreach (string category in key.Categories) identity.AddClaim(new Claim(Category, category));
        return new ClaimsPrincipal(identity);
    }

    public static string? Id(this ClaimsPrincipal user) => user.FindFirstValue(KeyId);

    /// <summary>Name and key, for histories and logs.</summary>
    public static string CallerName(this ClaimsPrincipal user) =>
        user.Id() is { } id && id != Local.Id ? $"{user.Identity!.Name} ({id})" : user.Identity?.Name ?? "?";

    /// <summary>The name under which a request counts for the server's limits: the key, or else the address.</summary>
    public static string CallerId(this HttpContext context) =>
        context.User.Id() is { } id ? $"key {id}" : FailedSignIns.Network(context.Connection.RemoteIpAddress);

    public static bool Is(this ClaimsPrincipal user, Role role) => user.IsInRole(role.ToString());

    /// <summary>The categories the caller is limited to; null: all.</summary>
    public static IReadOnlyList<string>? Scope(this ClaimsPrincipal user) =>
        user.FindAll(Category).Select(c => c.Value).ToArray() is { Length: > 0 } some ? some : null;

    public static bool May(this ClaimsPrincipal user, string category) => user.Scope()?.Contains(category, StringComparer.Ordinal) ?? true;

    /// <exception cref="OutOfScopeException">The caller's key is for other categories.</exception>
    public static void Require(this ClaimsPrincipal user, string category)
    {
        if (!user.May(category)) throw new OutOfScopeException();
    }
}

/// <summary>A request that the caller's key does not allow, by default for another category: 403.</summary>
internal sealed class OutOfScopeException(string message = "this key is for other categories") : Exception(message);
