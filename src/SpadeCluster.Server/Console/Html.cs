using System.Globalization;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace SpadeCluster.Server.Console;

/// <summary>A component as one HTML file.</summary>
internal static class Html
{
    /// <param name="language">One of the console's languages, such as de.</param>
    /// <exception cref="SpadeException">InvalidArgument: the console does not have this language.</exception>
    public static async Task<string> RenderAsync<T>(string language, Dictionary<string, object?> parameters) where T : IComponent
    {
        var culture = Languages.Find(language).Culture;
        await using var services = new ServiceCollection().AddLogging().AddLocalization().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            CultureInfo.CurrentUICulture = culture;
            return (await renderer.RenderComponentAsync<T>(ParameterView.FromDictionary(parameters))).ToHtmlString();
        });
    }
}
