using Microsoft.AspNetCore.Http;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Admission;

/// <summary>Admits an HTTP request, with room for its body, before its body is read: memory is bounded whatever arrives.</summary>
internal static class HttpAdmission
{
    /// <exception cref="SpadeException">ResourceExhausted, with a time to come back: too many requests or bytes are in work.</exception>
    /// <exception cref="BadHttpRequestException">413: the body is too large for this server at any time.</exception>
    public static AdmissionControl.Place Admit(this AdmissionControl admission, HttpRequest request, ServerOptions options)
    {
        // Of a body of unknown length the most is assumed.
        long bytes = request.ContentLength ?? options.MaxBodyBytes;
        return bytes <= options.MaxBodyBytes
            ? admission.Admit(bytes, request.HttpContext.CallerId())
            : throw new BadHttpRequestException("too large", StatusCodes.Status413PayloadTooLarge);
    }
}
