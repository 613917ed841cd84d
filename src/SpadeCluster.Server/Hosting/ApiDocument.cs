using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Hosting;

/// <summary>/v1/openapi.json: adds to what endpoints say of themselves what is common to them, keys and errors.</summary>
internal static class ApiDocument
{
    private const string Key = "key";

    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "SpadeCluster",
                Version = typeof(ApiDocument).Assembly.GetName().Version!.ToString(3),
                Description = "Industrial visual inspection that learns from good parts only. Names are in snake case. A server without "
                    + "any key, which is open to its own machine only, needs none.",
            };
            document.AddComponent(Key, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A key of 'spade key create'. Its role is viewer, operator or engineer, each of which includes the ones "
                    + "before it; it may be limited to some categories.",
            });
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, _, _) =>
        {
            // Generators take an enumeration without a type for numbers.
            if (schema.Enum is { Count: > 0 }) schema.Type ??= JsonSchemaType.String;
            // Answers may get members later, so that strict clients must not refuse them. (Requests refuse unknown ones all the same.)
            schema.AdditionalPropertiesAllowed = true;
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(CompleteAsync);
    });

    /// <summary>Names an operation, and the errors of its own. The document adds those of its kind: 401, 403 and 503 where a key is needed,
    /// 400, 413 and 415 where a body is read, and 429.</summary>
    /// <param name="id">The method's name in generated clients.</param>
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder endpoint, string id, string summary, params int[] errors)
        => endpoint.WithName(id).WithSummary(summary).WithMetadata(new OwnErrors(errors));

    /// <summary>Answers with bytes that are no JSON.</summary>
    public static RouteHandlerBuilder SendsBytes(this RouteHandlerBuilder endpoint, string type, int status = StatusCodes.Status200OK)
        => endpoint.Produces<Stream>(status, type);

    /// <summary>A header of a successful answer.</summary>
    public static RouteHandlerBuilder SendsHeader(this RouteHandlerBuilder endpoint, string name, JsonSchemaType type, string description)
        => endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            if (operation.Responses?.GetValueOrDefault("200") is OpenApiResponse response)
                Add(response, name, type, description);
            return Task.CompletedTask;
        });

    private static async Task CompleteAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var policies = metadata.OfType<IAuthorizeData>().Select(a => a.Policy!).ToList();
        SortedSet<int> errors = [StatusCodes.Status429TooManyRequests, .. metadata.OfType<OwnErrors>().SelectMany(o => o.Statuses)];
        operation.Security = [];
        if (policies.Count > 0)
        {
            operation.Security.Add(new() { [new OpenApiSecuritySchemeReference(Key, context.Document)] = [] });
            operation.Description = $"{operation.Description} Needs {Caller(policies[^1])}.".TrimStart();
            errors.UnionWith([StatusCodes.Status401Unauthorized, StatusCodes.Status403Forbidden,
                StatusCodes.Status503ServiceUnavailable]);
        }
        if (operation.RequestBody is not null)
            errors.UnionWith([StatusCodes.Status400BadRequest, StatusCodes.Status413PayloadTooLarge,
                StatusCodes.Status415UnsupportedMediaType]);
        bool openInference = context.Description.RelativePath!.StartsWith("v2", StringComparison.Ordinal);
        var type = openInference ? typeof(InferenceProblem) : typeof(Problem);
        context.Document!.AddComponent(type.Name, await context.GetOrCreateSchemaAsync(type, null, cancellationToken));
        foreach (int status in errors)
            operation.Responses!.TryAdd($"{status}", Error(status, ReasonPhrases.GetReasonPhrase(status)));
        operation.Responses!.TryAdd("default", Error(null, "Any other error"));

        OpenApiResponse Error(int? status, string description)
        {
            var response = new OpenApiResponse
            {
                Description = description,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [openInference ? "application/json" : Problem.ContentType] =
                        new() { Schema = new OpenApiSchemaReference(type.Name, context.Document) },
                },
            };
            if (status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
                Add(response, "Retry-After", JsonSchemaType.Integer, "Seconds after which a repetition may succeed.");
            return response;
        }
    }

    private static void Add(OpenApiResponse response, string name, JsonSchemaType type, string description)
        => (response.Headers ??= new Dictionary<string, IOpenApiHeader>())[name] =
            new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = type } };

    private static string Caller(string policy) => policy switch
    {
        KeyEndpoints.Everything => "the role engineer for all categories",
        _ => $"the role {policy.ToLowerInvariant()}",
    };

    private sealed record OwnErrors(IReadOnlyList<int> Statuses);
}
