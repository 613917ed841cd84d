using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.OpenApi;

namespace SpadeCluster.Server.Scoring;

/// <summary>What <see cref="SentImage.ReadAsync"/> reads, for the document of the API.</summary>
internal static class PhotographBody
{
    /// <param name="many">Whether a form may have several photographs.</param>
    /// <param name="pixels">Whether the body may be pixels without a file format.</param>
    public static RouteHandlerBuilder TakesPhotographs(this RouteHandlerBuilder endpoint, bool many, bool pixels = false)
        => endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            var bodies = operation.RequestBody!.Content!;
            foreach (var (type, body) in bodies) body.Schema = type == "multipart/form-data" ? Form(many) : Bytes();
            if (bodies.Count > 1) AddHeader("X-Source", JsonSchemaType.String, "Name of a photograph that is the whole body.");
            if (!pixels) return Task.CompletedTask;
            AddHeader(RawPixels.FormatHeader, JsonSchemaType.String, "Says that the body is pixels without a file format, of X-Width by "
                + "X-Height.").Enum = [.. RawPixels.Formats.Select(f => (JsonNode)f)];
            AddHeader("X-Width", JsonSchemaType.Integer, "Pixels in a row.");
            AddHeader("X-Height", JsonSchemaType.Integer, "Rows.");
            AddHeader("X-Stride", JsonSchemaType.Integer, "Bytes from one row to the next, where rows are padded.");
            return Task.CompletedTask;

            OpenApiSchema AddHeader(string name, JsonSchemaType type, string description)
            {
                var schema = new OpenApiSchema { Type = type };
                (operation.Parameters ??= []).Add(new OpenApiParameter
                {
                    Name = name,
                    In = ParameterLocation.Header,
                    Description = description,
                    Schema = schema,
                });
                return schema;
            }
        });

    private static OpenApiSchema Form(bool many) => new()
    {
        Type = JsonSchemaType.Object,
        Description = "The fields line, serial_number, batch, shift and operator may describe the photographs.",
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["image"] = many ? new OpenApiSchema { Type = JsonSchemaType.Array, Items = Bytes() } : Bytes(),
        },
        Required = new HashSet<string> { "image" },
    };

    private static OpenApiSchema Bytes() => new() { Type = JsonSchemaType.String, Format = "binary" };
}
