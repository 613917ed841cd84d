using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using SpadeCluster.Server.Grpc.Errors;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Hosting;

/// <summary>Errors as problem details (RFC 9457), one clear sentence each.</summary>
internal static class Problems
{
    public static int StatusOf(SpadeException e) => e.StorageFull ? StatusCodes.Status507InsufficientStorage : e.Error switch
    {
        SpadeError.InvalidArgument => StatusCodes.Status400BadRequest,
        SpadeError.NotFound => StatusCodes.Status404NotFound,
        SpadeError.FailedPrecondition => StatusCodes.Status409Conflict,
        // 429: the server is busy, and a repetition may succeed. 413: this request is too large.
        SpadeError.ResourceExhausted when e.RetryAfter is not null => StatusCodes.Status429TooManyRequests,
        SpadeError.ResourceExhausted => StatusCodes.Status413PayloadTooLarge,
        SpadeError.Unavailable => StatusCodes.Status503ServiceUnavailable,
        // DataLoss: the client can do nothing about it.
        _ => StatusCodes.Status500InternalServerError,
    };

    /// <summary>The sentence for a client; details of damage are only in the server's log.</summary>
    public static string DetailOf(SpadeException e, string category = "CATEGORY")
        => e.Error == SpadeError.DataLoss
        ? $"its stored data is damaged; 'spade gallery verify {category}' and the server's log have the details" : e.Message;

    /// <summary>For a request that ended in a bare status.</summary>
    public static Task WriteAsync(HttpContext context) =>
        WriteAsync(context, context.Response.StatusCode, context.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => "there is nothing at this address; /v1/openapi.json lists the addresses",
            StatusCodes.Status405MethodNotAllowed =>
            $"this address supports {context.Response.Headers.Allow}, not {context.Request.Method}",
            StatusCodes.Status415UnsupportedMediaType => BadRequests.ContentType,
            _ => "the server does not support this request; /v1/openapi.json describes the API",
        });

    public static async Task WriteAsync(HttpContext context, int status, string detail, int? retryAfter = null)
    {
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested) return;
        if (context.Request.IsGrpc())
        {
            GrpcStatus.Refuse(context.Response, status, detail);
            return;
        }
        context.Response.StatusCode = status;
        if (retryAfter is { } seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (context.Request.Path.StartsWithSegments("/v2"))
        {
            // The form of the Open Inference Protocol; the request's id is in the header.
            await context.Response.WriteAsJsonAsync(new InferenceProblem(detail), context.RequestAborted);
            return;
        }
        var problem = new Problem(status, ReasonPhrases.GetReasonPhrase(status), detail, context.TraceIdentifier);
        await context.Response.WriteAsJsonAsync(problem, ServerJson.Options, Problem.ContentType, context.RequestAborted);
    }
}

/// <summary>Problem details (RFC 9457).</summary>
/// <param name="Title">The status in words.</param>
/// <param name="Detail">One sentence: what is wrong, where, and what to do.</param>
/// <param name="RequestId">As in the header X-Request-Id and in the server's log.</param>
internal sealed record Problem(int Status, string Title, string Detail, string RequestId)
{
    public const string ContentType = "application/problem+json";
}

/// <summary>An error in the form of the Open Inference Protocol.</summary>
internal sealed record InferenceProblem(string Error);

/// <summary>Converts exceptions of endpoints to answers.</summary>
internal sealed partial class ProblemWriter(ILogger<ProblemWriter> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        var (status, detail, retry) = exception switch
        {
            SpadeException e => (Problems.StatusOf(e), Problems.DetailOf(e), RetryAfter(e)),
            OutOfScopeException e => (StatusCodes.Status403Forbidden, e.Message, null),
            BadHttpRequestException e => (e.StatusCode, BadRequests.Sentence(e), null),
            OperationCanceledException when context.RequestAborted.IsCancellationRequested =>
            (StatusCodes.Status499ClientClosedRequest, "the client has disconnected", null),
            JsonException e => (StatusCodes.Status400BadRequest, BadRequests.Sentence(e), null),
            Microsoft.AspNetCore.Antiforgery.AntiforgeryValidationException =>
            (StatusCodes.Status400BadRequest, BadRequests.ExpiredForm, null),
            _ => (StatusCodes.Status500InternalServerError, "an unexpected error; the server's log has it under this request id", null),
        };
        if (status == StatusCodes.Status500InternalServerError) LogUnexpected(exception, context.TraceIdentifier);
        try
        {
            await Problems.WriteAsync(context, status, detail, retry);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client disconnected meanwhile, which is not worth a log entry.
        }
        return true;
    }

    /// <summary>Whole seconds, at least one.</summary>
    private static int? RetryAfter(SpadeException e) =>
        e.RetryAfter is { } time ? (int)Math.Max(1, Math.Ceiling(time.TotalSeconds))
        : Problems.StatusOf(e) == StatusCodes.Status503ServiceUnavailable ? 5 : null;

    [LoggerMessage(Level = LogLevel.Error, Message = "request {RequestId} failed unexpectedly")]
    private partial void LogUnexpected(Exception exception, string requestId);
}
