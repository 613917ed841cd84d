using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Reads the key from <c>Authorization: Bearer</c> or <c>X-Api-Key</c>. If no key was ever created, a caller on this machine needs none.
/// </summary>
internal sealed class ApiKeyAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder,
    ApiKeyStore keys, FailedSignIns failures)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "ApiKey";

    /// <summary>The key of a request, or null.</summary>
    public static string? KeyOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        string authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim()
            : request.Headers.TryGetValue("X-Api-Key", out var key) ? key.ToString() : null;
    }

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (KeyOf(Request) is { } text)
        {
            // Checked before the limit, so that wrong keys from an address do not lock out others with the same address.
            if (keys.Find(text) is { } key)
            {
                keys.NoteUse(key);
                return Enter(key);
            }
            await failures.CountAsync(Context.Connection.RemoteIpAddress);
            return AuthenticateResult.Fail("unknown, expired or revoked key");
        }
        return Proxies.IsLocal(Context) && !keys.AnyEver() ? Enter(Caller.Local) : AuthenticateResult.NoResult();
    }

    private AuthenticateResult Enter(ApiKey key) =>
        AuthenticateResult.Success(new AuthenticationTicket(Caller.Principal(key, Scheme.Name), Scheme.Name));

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (failures.Blocked(Context.Connection.RemoteIpAddress) && KeyOf(Request) is not null)
            return Problems.WriteAsync(Context, StatusCodes.Status429TooManyRequests,
                "too many wrong keys from this address; wait a minute", retryAfter: 60);
        Response.Headers.WWWAuthenticate = "Bearer";
        return Problems.WriteAsync(Context, StatusCodes.Status401Unauthorized,
            "a valid API key is needed: send 'Authorization: Bearer KEY'; 'spade key create' creates one");
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
        => Problems.WriteAsync(Context, StatusCodes.Status403Forbidden,
            "this key does not allow that: it has another role or other categories");
}
