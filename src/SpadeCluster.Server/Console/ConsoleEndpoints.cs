using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Console;

/// <summary>The console's pages and their static files.</summary>
internal static class ConsoleEndpoints
{
    private static readonly (string Name, string Type, byte[] Content)[] Assets =
    [
        Load("console.css", "text/css; charset=utf-8"), Load("icon.svg", "image/svg+xml"),
        .. new[] { "category", "compare", "console", "decision", "filter", "normals", "page", "region", "viewer" }
            .Select(s => Load($"{s}.js", "text/javascript; charset=utf-8")),
    ];

    /// <summary>Of all of them: what they hold is part of their address, so that browsers may keep them for ever, and scripts name
    /// each other without it.</summary>
    private static readonly string Digest = Convert.ToHexStringLower(SHA256.HashData([.. Assets.SelectMany(a => a.Content)]))[..16];

    public static string Url(string asset) => $"/assets/{Digest}/{asset}";

    /// <summary>The style sheet, for a file that stands alone.</summary>
    public static string Style { get; } = System.Text.Encoding.UTF8.GetString(Assets.First(a => a.Name == "console.css").Content);

    public static void MapConsole(this IEndpointRouteBuilder app)
    {
        foreach (var (name, type, content) in Assets)
            app.Get(Url(name), (HttpContext context) =>
                ResultEndpoints.Immutable(context, Digest, () => Results.Bytes(content, type))).ExcludeFromDescription();
        app.MapSignIn();
        app.MapLanguages();
        app.MapRazorComponents<App>();
    }

    private static (string Name, string Type, byte[] Content) Load(string name, string type)
    {
        using var stream = typeof(ConsoleEndpoints).Assembly.GetManifestResourceStream(name)!;
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return (name, type, content);
    }
}
