using Microsoft.AspNetCore.Routing;

namespace SpadeCluster.Server.Inference;

internal static class OpenInferenceEndpoints
{
    public static void MapOpenInference(this IEndpointRouteBuilder app) { }
}
