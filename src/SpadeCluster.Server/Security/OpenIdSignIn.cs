using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Security;

/// <summary>
/// Signing in to the console at an OpenID Connect provider, beside keys: code flow with PKCE. A person becomes a key that nobody can
/// send, with the name, role and categories that the provider states at each sign-in; so sessions, limits, records and revocation are
/// those of keys.
/// </summary>
internal static class OpenIdSignIn
{
    public const string Path = "/sign-in/openid";

    private const string Scheme = OpenIdConnectDefaults.AuthenticationScheme, Subject = "sub", Prefix = "spade";
    private const int MaxText = 300;

    /// <param name="options">What the server is started with.</param>
    /// <param name="anyKey">Whether there is a valid key.</param>
    /// <exception cref="SpadeException">InvalidArgument: the provider cannot be used so.</exception>
    public static void Check(ServerOptions options, bool anyKey)
    {
        if (options.OpenIdAuthority is not { } authority) return;
        if (!Uri.TryCreate(authority, UriKind.Absolute, out var url) || !(url.Scheme == Uri.UriSchemeHttps || url.IsLoopback))
            throw Invalid($"'{authority}' is no address of an OpenID Connect provider: write its issuer, as https://login.example.com");
        if (string.IsNullOrWhiteSpace(options.OpenIdClient))
            throw Invalid("the provider knows this server by a client id: name it with --oidc-client (Spade:Http:OpenIdClient)");
        if (!anyKey)
            throw Invalid("signing in at a provider needs a key beside it, for programs and for when the provider does not answer: make "
                + "one with 'spade key create'");
    }

    public static void AddOpenId(this AuthenticationBuilder authentication, ServerOptions options)
    {
        if (options.OpenIdAuthority is not { } authority) return;
        // Read now: a file that is not there is an error of the start.
        string? secret = options.OpenIdSecretFile is { } file ? File.ReadAllText(file).Trim() : null;
        authentication.AddOpenIdConnect(Scheme, oidc =>
        {
            (oidc.Authority, oidc.ClientId, oidc.ClientSecret) = (authority, options.OpenIdClient, secret);
            oidc.RequireHttpsMetadata = !new Uri(authority).IsLoopback;
            (oidc.ResponseType, oidc.ResponseMode) = (OpenIdConnectResponseType.Code, OpenIdConnectResponseMode.Query);
            oidc.CallbackPath = Path + "/done";
            // What is signed out of here stays signed in at the provider, and terminals on a line are shared: it asks each time.
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

    /// <summary>Leads to the provider.</summary>
    public static void MapOpenIdSignIn(this IEndpointRouteBuilder app, ServerOptions options)
    {
        if (options.OpenIdAuthority is null) return;
        app.MapGet(Path, async (string? to, HttpContext context) =>
        {
            try
            {
                await context.ChallengeAsync(Scheme, new AuthenticationProperties
                {
                    // The session's cookie comes with no request that another site began: a page of this one leads on.
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

    /// <summary>The provider's name for people.</summary>
    public static string Host(ServerOptions options) => new Uri(options.OpenIdAuthority!).Host;

    /// <summary>What values of the claim allow: <c>spade:ROLE</c>, or <c>spade:ROLE:CATEGORY</c>. The highest role counts, in its own
    /// categories only.</summary>
    /// <returns>Null: nothing.</returns>
    /// <exception cref="SpadeException">InvalidArgument: a category that cannot be.</exception>
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

    /// <summary>Text of others, fit for logs and records.</summary>
    private static string Plain(string text, int most) => new([.. text.Where(c => !char.IsControl(c)).Take(most)]);

    private static SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, message);
}
