using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;

namespace SpadeCluster.Server.Hosting;

/// <summary>Converts the framework's binding errors to a sentence for people: which parameter, and why.</summary>
internal static partial class BadRequests
{
    public const string ContentType =
        "this content type is not supported here: send JSON as application/json, a photograph as image/* or multipart/form-data";

    public const string ExpiredForm = "this form has expired: load the page again";

    public static string Sentence(BadHttpRequestException e) => e.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => "the body is larger than this server's limit",
        StatusCodes.Status408RequestTimeout => "the body arrived too slowly",
        StatusCodes.Status415UnsupportedMediaType => ContentType,
        _ when e.InnerException is AntiforgeryValidationException => ExpiredForm,
        _ when e.InnerException is JsonException json => Sentence(json),
        _ when Missing().Match(e.Message) is { Success: true } m => $"the parameter '{m.Groups[1].Value}' is needed",
        _ when e.Message.Contains("no body was provided", StringComparison.Ordinal) => "a JSON body is needed",
        _ when Unusable().Match(e.Message) is { Success: true } m =>
            $"the parameter '{JsonNamingPolicy.SnakeCaseLower.ConvertName(m.Groups[1].Value)}' cannot be '{m.Groups[2].Value}'",
        _ => e.Message,
    };

    public static string Sentence(JsonException e)
    {
        if (Unknown().Match(e.Message) is { Success: true } unknown)
            return $"the body has an unknown member '{unknown.Groups[1].Value}'";
        if (Lacking().Match(e.Message) is { Success: true } lacking) return $"the body lacks {lacking.Groups[1].Value}";
        if (e.Path is { Length: > 2 } path) return $"the body's member '{path[2..]}' has an invalid value";
        return $"the body is not the expected JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})";
    }

    [GeneratedRegex("^Required parameter \"\\S+ (\\w+)\" was not provided from ")]
    private static partial Regex Missing();

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (\\w+)\" from \"(.*)\"\\.$", RegexOptions.Singleline)]
    private static partial Regex Unusable();

    [GeneratedRegex("^The JSON property '(.*?)' could not be mapped", RegexOptions.Singleline)]
    private static partial Regex Unknown();

    [GeneratedRegex("missing required properties including: (.+?)\\.( |$)")]
    private static partial Regex Lacking();
}
