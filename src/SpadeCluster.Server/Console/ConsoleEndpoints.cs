using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Console;

internal static class ConsoleEndpoints
{
    public static void MapConsole(this IEndpointRouteBuilder app)
    {
        app.MapSignIn();
    }
}
