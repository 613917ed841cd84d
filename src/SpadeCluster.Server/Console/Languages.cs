using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Localization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Console;

/// <summary>A language of the console.</summary>
/// <param name="Tag">As in Accept-Language and in the name of its file Texts.TAG.resx.</param>
/// <param name="Name">In the language itself.</param>
internal sealed record Language(string Tag, string Name, string DecimalSeparator = ".")
{
    /// <summary>Carries the decimal separator, because the runtime has no data of cultures (InvariantGlobalization).</summary>
    public CultureInfo Culture { get; } = new(Tag)
    {
        NumberFormat = { NumberDecimalSeparator = DecimalSeparator, PercentDecimalSeparator = DecimalSeparator },
    };
}

/// <summary>The languages of the console, and which of them a page has.</summary>
internal static class Languages
{
    private const string Cookie = "spade-language";

    /// <summary>The first is for readers who asked for none of them.</summary>
    public static IReadOnlyList<Language> All { get; } = [new("en", "English"), new("de", "Deutsch", ","), new("ja", "日本語")];

    /// <summary>The language of the page that is being made.</summary>
    public static string Tag => CultureInfo.CurrentUICulture.Name is { Length: > 0 } tag ? tag : All[0].Tag;

    /// <exception cref="SpadeException">InvalidArgument: the console does not have this language.</exception>
    public static Language Find(string tag) => All.FirstOrDefault(l => l.Tag == tag) ?? throw new SpadeException(
        SpadeError.InvalidArgument, $"'{tag}' is not a language of the console: use one of {string.Join(", ", All.Select(l => l.Tag))}");

    /// <summary>Pages are in the language that the reader chose, or that the browser asks for; answers of the API are always English. Only
    /// CurrentUICulture changes: what a page does not format by it (<see cref="Text.Number"/>) stays readable for programs.</summary>
    public static void UseLanguages(this IApplicationBuilder app) => app.UseWhen(context => !context.Request.IsApi(),
        pages => pages.UseRequestLocalization(new RequestLocalizationOptions
        {
            DefaultRequestCulture = new RequestCulture(CultureInfo.InvariantCulture, All[0].Culture),
            SupportedCultures = [CultureInfo.InvariantCulture],
            SupportedUICultures = [.. All.Select(l => l.Culture)],
            RequestCultureProviders =
                [new CookieRequestCultureProvider { CookieName = Cookie }, new CustomRequestCultureProvider(AskedForAsync)],
        }));

    /// <summary>The first one that the browser asks for, also as a language of a country. (ASP.NET's own provider prefers "de" in
    /// "en-GB, de".)</summary>
    private static Task<ProviderCultureResult?> AskedForAsync(HttpContext context)
    {
        var asked = context.Request.GetTypedHeaders().AcceptLanguage.Where(l => l.Quality is not 0).OrderByDescending(l => l.Quality ?? 1);
        string? tag = asked.Select(l => l.Value.Value!.Split('-')[0].ToLowerInvariant()).FirstOrDefault(t => All.Any(l => l.Tag == t));
        return Task.FromResult(tag is null ? null : new ProviderCultureResult(CultureInfo.InvariantCulture.Name, tag));
    }

    public static void MapLanguages(this IEndpointRouteBuilder app) => app.Post("/language", Choose).ExcludeFromDescription();

    private static IResult Choose([FromForm] string? language, [FromForm] string? to, HttpContext context)
    {
        var chosen = new RequestCulture(CultureInfo.InvariantCulture, Find(language ?? "").Culture);
        context.Response.Cookies.Append(Cookie, CookieRequestCultureProvider.MakeCookieValue(chosen), new CookieOptions
        {
            MaxAge = TimeSpan.FromDays(365),
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = context.Request.IsHttps,
        });
        return Results.LocalRedirect(SignIn.Local(to));
    }
}
