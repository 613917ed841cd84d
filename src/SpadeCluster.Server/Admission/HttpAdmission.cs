using Microsoft.AspNetCore.Http;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Admission;

/// <summary>Admits an HTTP request with the size of its body before the body is read, so that memory is bounded.</summary>
internal static class HttpAdmission
{
    /// <exception cref="SpadeException">ResourceExhausted, with the time after which to try again: too many requests or bytes are in
    /// work.</exception>
    /// <exception cref="BadHttpRequestException">413: the body is larger than this server's limit.</exception>
    public static AdmissionControl.Admission Admit(this AdmissionControl admission, HttpRequest request, ServerOptions options)
    {
        // A body of unknown length counts as the largest one.
        long bytes = request.ContentLength ?? options.MaxBodyBytes;
        return bytes <= options.MaxBodyBytes
            ? admission.Admit(bytes, request.HttpContext.CallerId())
            : throw new BadHttpRequestException("too large", StatusCodes.Status413PayloadTooLarge);
    }
}
