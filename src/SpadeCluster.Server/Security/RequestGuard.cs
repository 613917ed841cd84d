using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Security;

/// <summary>Rules for all requests and answers.</summary>
internal static class RequestGuard
{
    public const string RequestId = "X-Request-Id";

    /// <summary>Largest body, in bytes, of a request that needs no key: a form of the console, or a question about health.</summary>
    public const int MaxOpenBody = 16 << 10;

    private const string ContentPolicy =
        "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; font-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public static void UseRequestGuard(this IApplicationBuilder app, IReadOnlyList<string>? hosts)
    {
        app.Use(async (context, next) =>
        {
            var (request, response) = (context.Request, context.Response);
            // A client's id is used if it is safe; it is returned in a header and written to logs.
            if (request.Headers[RequestId].ToString() is { Length: > 0 and <= 64 } given
                && given.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
                context.TraceIdentifier = given;
            else
                context.TraceIdentifier = Guid.NewGuid().ToString("n");
            // Set when the answer starts, because errors clear headers that were set earlier.
            response.OnStarting(() =>
            {
                Protect(context);
                return Task.CompletedTask;
            });
            // Forms are read into memory before anybody checks who sends them. Photographs and other large bodies go to the API.
            if (!request.IsApi() && context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
                body.MaxRequestBodySize = MaxOpenBody;
            if (hosts is not null && !hosts.Contains(request.Host.Host, StringComparer.OrdinalIgnoreCase))
                await Problems.WriteAsync(context, StatusCodes.Status421MisdirectedRequest,
                    "this host name is unknown; add further host names with --host");
            else if (IsChange(request.Method) && IsForeign(request))
                await Problems.WriteAsync(context, StatusCodes.Status403Forbidden, "pages of other sites must not change anything here");
            else if (request.Headers.ContentEncoding.Count > 0 && request.Headers.ContentEncoding != "identity")
                await Problems.WriteAsync(context, StatusCodes.Status415UnsupportedMediaType,
                    "compressed bodies are not supported");
            else
                await next(context);
        });
    }

    private static void Protect(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers[RequestId] = context.TraceIdentifier;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        if (headers.CacheControl.Count == 0) headers.CacheControl = "no-store";
        if (context.Request.IsHttps) headers.StrictTransportSecurity = "max-age=31536000";
    }

    private static bool IsChange(string method) =>
        !HttpMethods.IsGet(method) && !HttpMethods.IsHead(method) && !HttpMethods.IsOptions(method);

    /// <summary>Browsers send the origin of a request; other programs do not, and use a key instead of a cookie.</summary>
    private static bool IsForeign(HttpRequest request)
    {
        string site = request.Headers["Sec-Fetch-Site"].ToString(), origin = request.Headers.Origin.ToString();
        return site is "cross-site" or "same-site"
            || (origin.Length > 0 && !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase));
    }
}
