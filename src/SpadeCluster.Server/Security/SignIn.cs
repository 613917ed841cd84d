using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Security;

/// <summary>Signing in to the console: a key is exchanged for a cookie, which ends with its session or its key.</summary>
internal static class SignIn
{
    private const string CookieName = "spade-console";

    /// <summary>Whether a request is of a browser that has signed in or has to: not with a key, and not before the first key was
    /// created.</summary>
    public static bool Concerns(HttpContext context)
        => ApiKeyAuthentication.KeyOf(context.Request) is null
        && (context.Request.Cookies.ContainsKey(CookieName) || !context.Request.IsApi())
        && context.RequestServices.GetRequiredService<ApiKeyStore>().AnyEver();

    public static void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = CookieName;
        options.Cookie.HttpOnly = true;
        options.Cookie.SameSite = SameSiteMode.Strict;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ExpireTimeSpan = Sessions.Lifetime;
        options.SlidingExpiration = true;
        options.LoginPath = "/sign-in";
        options.ReturnUrlParameter = "to";
        options.Events.OnRedirectToLogin = context =>
        {
            if (context.Request.IsApi())
                return Problems.WriteAsync(context.HttpContext, StatusCodes.Status401Unauthorized, "this session has ended: sign in again");
            context.Response.Redirect(context.RedirectUri);
            return Task.CompletedTask;
        };
        options.Events.OnRedirectToAccessDenied = context =>
            Problems.WriteAsync(context.HttpContext, StatusCodes.Status403Forbidden,
                "this key may not do that: its role, or its categories, are others");
    }

    public static void MapSignIn(this IEndpointRouteBuilder app)
    {
        app.Post("/sign-in", EnterAsync).ExcludeFromDescription();
        app.Post("/sign-out", LeaveAsync).ExcludeFromDescription();
    }

    private static async Task<IResult> EnterAsync([FromForm] string? key, [FromForm] string? to, HttpContext context, ApiKeyStore keys,
        FailedSignIns failures, AuditLog audit)
    {
        var address = context.Connection.RemoteIpAddress;
        if (keys.Find(key?.Trim() ?? "") is not { } found)
        {
            await failures.CountAsync(address);
            if (!failures.Blocked(address)) return Results.LocalRedirect($"/sign-in?wrong=key&to={Uri.EscapeDataString(Local(to))}");
            context.Response.Headers.RetryAfter = "60";
            return Results.Problem("too many wrong keys from this address; wait a minute",
                statusCode: StatusCodes.Status429TooManyRequests);
        }
        keys.NoteUse(found);
        await context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme,
            Caller.Principal(found, CookieAuthenticationDefaults.AuthenticationScheme));
        await audit.WriteAsync($"{found.Name} ({found.Id})", "sign in", found.Id, $"from {FailedSignIns.Network(address)}");
        return Results.LocalRedirect(Local(to));
    }

    private static async Task<IResult> LeaveAsync([FromForm] string? _, HttpContext context, AuditLog audit)
    {
        // The session ends on the server, so a copy of the cookie is of no use.
        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
        if (context.User.Id() is { } id) await audit.WriteAsync(context.User.CallerName(), "sign out", id);
        return Results.LocalRedirect("/sign-in");
    }

    /// <summary>A page of this server, or its first page; never another site.</summary>
    public static string Local(string? to)
        => to is { Length: > 0 and < 512 } && to[0] == '/' && !(to.Length > 1 && to[1] is '/' or '\\') && !to.Any(char.IsControl)
        && !to.Contains('\\') ? to : "/";
}
