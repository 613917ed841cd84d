using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;
using SpadeCluster.Server.Scoring;

namespace SpadeCluster.Server.TestSets;

/// <summary>A form with a test set, as an endpoint takes it and as the document of the API describes it.</summary>
internal static class TestSetBody
{
    private const string Form = "multipart/form-data";

    public static async Task<IReadOnlyList<TestPhotograph>> ReadAsync(HttpRequest request, ServerOptions options)
        => TestSet.Read(await SentImage.ReadAsync(request, 2 * options.MaxBatch, request.HttpContext.RequestAborted), options);

    public static RouteHandlerBuilder TakesTestSet(this RouteHandlerBuilder endpoint, bool isOptional = false)
        => endpoint.Accepts<IFormFileCollection>(isOptional, Form).AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.RequestBody!.Content![Form].Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["good"] = Files("Photographs of good parts."),
                    ["defect"] = Files("Photographs of defects."),
                    ["mask"] = Files("Masks of defects: their file names, with or without '_mask', white on the defect."),
                    ["set"] = Files("The files of a folder, with their paths as file names, or zip files of one: photographs in folders "
                        + "'good' and named after defects, masks in folders of these names below 'ground_truth'."),
                },
            };
            return Task.CompletedTask;
        });

    private static OpenApiSchema Files(string description) => new()
    {
        Type = JsonSchemaType.Array,
        Description = description,
        Items = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
    };
}
