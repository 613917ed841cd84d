using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Signing in to the console at an OpenID Connect provider, in addition to keys: code flow with PKCE. A person becomes a key that cannot be
/// sent, with the name, role and categories that the provider states at each sign-in; so sessions, limits, audit and revocation work as for
/// keys.
/// </summary>
internal static class OpenIdSignIn
{
    public const string Path = "/sign-in/openid";

    private const string Scheme = OpenIdConnectDefaults.AuthenticationScheme, Subject = "sub", Prefix = "spade";
    private const int MaxText = 300;

    /// <param name="options">The server's options.</param>
    /// <param name="anyKey">Whether there is a valid key.</param>
    /// <exception cref="SpadeException">InvalidArgument: the options of the provider are wrong.</exception>
    public static void Check(ServerOptions options, bool anyKey)
    {
        if (options.OpenIdAuthority is not { } authority) return;
        if (!Uri.TryCreate(authority, UriKind.Absolute, out var url) || !(url.Scheme == Uri.UriSchemeHttps || url.IsLoopback))
            throw Invalid($"'{authority}' is not the address of an OpenID Connect provider: give its issuer, for example "
                + "https://login.example.com");
        if (string.IsNullOrWhiteSpace(options.OpenIdClient))
            throw Invalid("the provider needs this server's client id: give it with --oidc-client (Spade:Http:OpenIdClient)");
        if (!anyKey)
            throw Invalid("signing in at a provider also needs a key, for programs and in case the provider does not answer: make "
                + "one with 'spade key create'");
    }

    public static void AddOpenId(this AuthenticationBuilder authentication, ServerOptions options)
    {
        if (options.OpenIdAuthority is not { } authority) return;
        // Read now, so that the server does not start with a missing file.
        string? secret = options.OpenIdSecretFile is { } file ? File.ReadAllText(file).Trim() : null;
        authentication.AddOpenIdConnect(Scheme, oidc =>
        {
            (oidc.Authority, oidc.ClientId, oidc.ClientSecret) = (authority, options.OpenIdClient, secret);
            oidc.RequireHttpsMetadata = !new Uri(authority).IsLoopback;
            (oidc.ResponseType, oidc.ResponseMode) = (OpenIdConnectResponseType.Code, OpenIdConnectResponseMode.Query);
            oidc.CallbackPath = Path + "/done";
            // Signing out here does not sign out at the provider, and terminals on a line are shared, so the provider asks each time.
            oidc.Prompt = OpenIdConnectPrompt.Login;
            (oidc.RemoteSignOutPath, oidc.SignedOutCallbackPath) = (default, default);
            oidc.SignInScheme = CookieAuthenticationDefaults.AuthenticationScheme;
            oidc.BackchannelTimeout = TimeSpan.FromSeconds(10);
            oidc.MapInboundClaims = false;
            oidc.GetClaimsFromUserInfoEndpoint = true;
            oidc.ClaimActions.MapJsonKey(options.OpenIdClaim, options.OpenIdClaim);
            foreach (var cookie in new[] { oidc.CorrelationCookie, oidc.NonceCookie })
                (cookie.SameSite, cookie.SecurePolicy) = (SameSiteMode.Lax, CookieSecurePolicy.SameAsRequest);
            oidc.Events.OnTicketReceived = context => EnterAsync(context, options);
            oidc.Events.OnRemoteFailure = context =>
                RefuseAsync(context, "provider", $"a sign-in at the provider failed: {context.Failure?.Message}");
        });
    }

    /// <summary>Redirects to the provider.</summary>
    public static void MapOpenIdSignIn(this IEndpointRouteBuilder app, ServerOptions options)
    {
        if (options.OpenIdAuthority is null) return;
        app.Get(Path, async (string? to, HttpContext context) =>
        {
            try
            {
                await context.ChallengeAsync(Scheme, new AuthenticationProperties
                {
                    // The browser sends the session's cookie only with requests that start on this site, so a page of this site continues.
                    RedirectUri = $"/sign-in?entered=true&to={Uri.EscapeDataString(SignIn.Local(to))}",
                });
            }
            catch (Exception e) when (e is InvalidOperationException or HttpRequestException or OpenIdConnectProtocolException
                or TaskCanceledException)
            {
                throw new SpadeException(SpadeError.Unavailable,
                    $"{Host(options)} does not answer as an OpenID Connect provider: sign in with a key, or try again later", e);
            }
        }).ExcludeFromDescription();
    }

    /// <summary>The provider's name to show.</summary>
    public static string Host(ServerOptions options) => new Uri(options.OpenIdAuthority!).Host;

    /// <summary>Role and categories from the claim's values: <c>spade:ROLE</c> or <c>spade:ROLE:CATEGORY</c>. Only the highest role counts,
    /// for its categories only.</summary>
    /// <returns>Null: no role.</returns>
    /// <exception cref="SpadeException">InvalidArgument: a malformed category name.</exception>
    public static (Role Role, IReadOnlyList<string> Categories)? Allowed(IEnumerable<string> values)
    {
        var granted =
            from value in values
            let parts = value.Split(':', 3)
            where parts.Length > 1 && parts[0] == Prefix
            from role in Enum.GetValues<Role>()
            where role.ToString().Equals(parts[1], StringComparison.OrdinalIgnoreCase)
            group parts.ElementAtOrDefault(2) by role;
        return granted.MaxBy(g => g.Key) is not { } highest ? null
            : (highest.Key, highest.Contains(null) ? [] : [.. highest.Select(c => CategoryName.Check(c!)).Distinct()]);
    }

    private static async Task EnterAsync(TicketReceivedContext context, ServerOptions options)
    {
        var services = context.HttpContext.RequestServices;
        var person = context.Principal!;
        var subject = person.FindFirst(Subject)!;
        string name = Plain(person.FindFirstValue("name") ?? person.FindFirstValue("email") ?? subject.Value, ApiKeyStore.MaxName);
        string known = Plain($"{subject.Value} at {subject.Issuer}", MaxText);
        if (Allowed(person.FindAll(options.OpenIdClaim).Select(c => c.Value)) is not { } allowed)
        {
            await RefuseAsync(context, "role", $"{name}, {known}, who has no role here,");
            return;
        }
        var keys = services.GetRequiredService<ApiKeyStore>();
        if (await keys.AdmitAsync(subject.Issuer, subject.Value, name, allowed.Role, allowed.Categories) is not { } key)
        {
            await RefuseAsync(context, "revoked", $"{name}, {known}, who was revoked,");
            return;
        }
        context.Principal = Caller.Principal(key, Scheme);
        await services.GetRequiredService<AuditLog>().WriteAsync(context.Principal.CallerName(), "sign in", key.Id,
            $"from {FailedSignIns.Network(context.HttpContext.Connection.RemoteIpAddress)}, {known}");
    }

    private static async Task RefuseAsync<T>(HandleRequestContext<T> context, string wrong, string what)
        where T : AuthenticationSchemeOptions
    {
        await context.HttpContext.RequestServices.GetRequiredService<FailedSignIns>()
            .CountAsync(context.HttpContext.Connection.RemoteIpAddress, Plain(what, MaxText));
        context.Response.Redirect($"/sign-in?wrong={wrong}");
        context.HandleResponse();
    }

    /// <summary>Removes characters from external text that are unsafe in logs.</summary>
    private static string Plain(string text, int most) => new([.. text.Where(c => !char.IsControl(c)).Take(most)]);

    private static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
