using System.Globalization;
using System.Resources;
using System.Text.Json;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Localization;

namespace SpadeCluster.Server.Console;

/// <summary>Names the console's texts: Texts.resx is English, Texts.TAG.resx another language. A key is AREA.NAME; the area is the page or
/// card that shows the text.</summary>
public sealed class Texts
{
    private static readonly ResourceManager English = new(typeof(Texts));

    private Texts()
    {
    }

    /// <summary>The English text, for programs.</summary>
    internal static string InEnglish(string key) => English.GetString(key, CultureInfo.InvariantCulture) ?? key;

    /// <summary>The texts that scripts show, as JSON.</summary>
    internal static string ForScripts(IStringLocalizer<Texts> texts) => JsonSerializer.Serialize(texts.GetAllStrings()
        .Where(t => t.Name.StartsWith("Script.", StringComparison.Ordinal) || t.Name.StartsWith("Verdict.", StringComparison.Ordinal))
        .ToDictionary(t => t.Name, t => t.Value));

    /// <summary>A text with markup in the places of {0}, {1} and so on.</summary>
    internal static RenderFragment Markup(string text, params RenderFragment[] parts) => builder =>
    {
        int at = 0;
        for (int open = text.IndexOf('{', StringComparison.Ordinal); open >= 0; open = text.IndexOf('{', at))
        {
            builder.AddContent(0, text[at..open]);
            builder.AddContent(1, parts[text[open + 1] - '0']);
            at = open + 3;
        }
        builder.AddContent(2, text[at..]);
    };
}
