using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Console;

/// <summary>The console's pages and their static files.</summary>
internal static class ConsoleEndpoints
{
    private static readonly Asset Css = Asset.Load("console.css", "text/css; charset=utf-8"),
        Script = Asset.Load("console.js", "text/javascript; charset=utf-8"), Icon = Asset.Load("icon.svg", "image/svg+xml");

    public static string CssUrl => Css.Url;
    public static string ScriptUrl => Script.Url;
    public static string IconUrl => Icon.Url;

    public static void MapConsole(this IEndpointRouteBuilder app)
    {
        foreach (var asset in new[] { Css, Script, Icon })
            app.MapGet(asset.Url, (HttpContext context) =>
                ResultEndpoints.Immutable(context, asset.Digest, () => Results.Bytes(asset.Content, asset.Type))).ExcludeFromDescription();
        app.MapSignIn();
        app.MapRazorComponents<App>();
    }

    /// <summary>The address contains a hash of the content, so that browsers may cache the file without limit.</summary>
    private sealed record Asset(string Url, string Digest, byte[] Content, string Type)
    {
        public static Asset Load(string name, string type)
        {
            using var stream = typeof(ConsoleEndpoints).Assembly.GetManifestResourceStream(name)!;
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            string digest = Convert.ToHexStringLower(SHA256.HashData(content))[..16];
            return new Asset($"/assets/{digest}/{name}", digest, content, type);
        }
    }
}
