using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Logging;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Hosting;

/// <summary>Errors as problem details (RFC 9457), one clear sentence each.</summary>
internal static class Problems
{
    public static int StatusOf(SpadeException e) => e.Error switch
    {
        SpadeError.InvalidArgument => StatusCodes.Status400BadRequest,
        SpadeError.NotFound => StatusCodes.Status404NotFound,
        SpadeError.FailedPrecondition => StatusCodes.Status409Conflict,
        // Worth repeating: somebody is busy. Not worth it: this request is too large.
        SpadeError.ResourceExhausted when e.RetryAfter is not null => StatusCodes.Status429TooManyRequests,
        SpadeError.ResourceExhausted when e.InnerException is IOException => StatusCodes.Status507InsufficientStorage,
        SpadeError.ResourceExhausted => StatusCodes.Status413PayloadTooLarge,
        SpadeError.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };

    public static async Task WriteAsync(HttpContext context, int status, string detail, int? retryAfter = null)
    {
        if (context.Response.HasStarted) return;
        context.Response.StatusCode = status;
        if (retryAfter is { } seconds) context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var problem = new ProblemDetails { Status = status, Title = Title(status), Detail = detail, Extensions = { ["request_id"] = context.TraceIdentifier } };
        await context.Response.WriteAsJsonAsync(problem, ServerJson.Options, "application/problem+json", context.RequestAborted);
    }

    private static string Title(int status) => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
}

/// <summary>Turns what endpoints throw into answers.</summary>
internal sealed partial class ProblemWriter(ILogger<ProblemWriter> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        var (status, detail, retry) = exception switch
        {
            SpadeException e => (Problems.StatusOf(e), e.Message, RetryAfter(e)),
            OutOfScopeException e => (StatusCodes.Status403Forbidden, e.Message, null),
            BadHttpRequestException e => (e.StatusCode, Plain(e), null),
            OperationCanceledException when context.RequestAborted.IsCancellationRequested => (StatusCodes.Status499ClientClosedRequest, "the client is gone", null),
            JsonException e => (StatusCodes.Status400BadRequest, $"the body is not the JSON that is expected here: {e.Message}", null),
            Microsoft.AspNetCore.Antiforgery.AntiforgeryValidationException => (StatusCodes.Status400BadRequest, "this form has expired: load the page again", null),
            InvalidDataException e => (StatusCodes.Status400BadRequest, $"the body cannot be read: {e.Message}", null),
            _ => (StatusCodes.Status500InternalServerError, "an unexpected error; the server's log has it under this request id", null),
        };
        if (status == StatusCodes.Status500InternalServerError) LogUnexpected(exception, context.TraceIdentifier);
        await Problems.WriteAsync(context, status, detail, retry);
        return true;
    }

    /// <summary>Whole seconds, at least one.</summary>
    private static int? RetryAfter(SpadeException e) => e.RetryAfter is { } time ? (int)Math.Max(1, Math.Ceiling(time.TotalSeconds)) : e.Error == SpadeError.Unavailable ? 5 : null;

    private static string Plain(BadHttpRequestException e) => e.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => "the body is larger than this server takes",
        StatusCodes.Status408RequestTimeout => "the body came too slowly",
        StatusCodes.Status415UnsupportedMediaType => "the content type is not one that is taken here",
        _ => e.InnerException is JsonException json ? $"the body is not the JSON that is expected here: {json.Message}" : e.Message,
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "request {RequestId} failed unexpectedly")]
    private partial void LogUnexpected(Exception exception, string requestId);
}
