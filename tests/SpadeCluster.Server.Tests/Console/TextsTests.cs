using System.Collections;
using System.Globalization;
using System.Resources;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Razor.Language;
using Microsoft.AspNetCore.Razor.Language.Intermediate;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using SpadeCluster.Server.Console;

namespace SpadeCluster.Server.Tests;

/// <summary>The console's texts: complete in every language, named by pages and scripts, and nowhere else.</summary>
public sealed partial class TextsTests
{
    /// <summary>Words of pages that are the same in every language.</summary>
    private static readonly string[] Names = ["SpadeCluster", "spade", "ms", "x", "bottle", "UTC"];

    private static readonly string[] ReadAloud = ["alt", "aria-label", "placeholder", "title"];

    private static readonly string Server = Path.Combine(FindRoot(), "src", "SpadeCluster.Server");

    private static readonly Dictionary<string, string> English = Read(CultureInfo.InvariantCulture);

    public static TheoryData<string> Others => [.. Languages.All.Skip(1).Select(l => l.Tag)];

    [Theory, MemberData(nameof(Others))]
    public void A_language_has_every_text_with_the_same_values(string tag)
    {
        var texts = Read(Languages.Find(tag).Culture);
        Assert.Equal(English.Keys.Order(StringComparer.Ordinal), texts.Keys.Order(StringComparer.Ordinal));
        Assert.All(English, e => Assert.Equal((e.Key, Values(e.Value)), (e.Key, Values(texts[e.Key]))));
        Assert.DoesNotContain(texts, t => string.IsNullOrWhiteSpace(t.Value));
    }

    [Fact]
    public void Pages_and_scripts_name_texts_that_exist_and_each_text_is_named()
    {
        string source = string.Join('\n', new[] { "*.razor", "*.cs", "*.js" }
            .SelectMany(k => Directory.EnumerateFiles(Server, k, SearchOption.AllDirectories))
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(File.ReadAllText));
        var named = Asked().Matches(source).SelectMany(m => Key().Matches(m.Value)).Select(m => m.Groups[1].Value).ToHashSet();
        Assert.Empty(named.Except(English.Keys));
        // A key is written as it is, or begins with what is written before a value: $"Role.{role}".
        var all = Key().Matches(source).Select(m => m.Groups[1].Value).ToHashSet();
        var areas = Area().Matches(source).Select(m => m.Groups[1].Value).ToHashSet();
        Assert.DoesNotContain(English.Keys, k => !all.Contains(Ending().Replace(k, "")) && !all.Contains(k)
            && !areas.Any(a => k.StartsWith(a, StringComparison.Ordinal)));
    }

    [Fact]
    public void Pages_have_no_text_of_their_own()
    {
        string[] pages = [.. Directory.EnumerateFiles(Path.Combine(Server, "Console"), "*.razor", SearchOption.AllDirectories)];
        Assert.True(pages.Length > 20);
        Assert.Empty(pages.SelectMany(page => Literals(File.ReadAllText(page)).Select(text => $"{Path.GetFileName(page)}: {text}")));
        // The check sees text between tags, in attributes, and in fragments of code.
        Assert.Equal(["Hello", "a picture", "there"], Literals("""
            @page "/"
            <h1 class="big">Hello</h1> @T["Known"] <code>spade serve</code>
            <img alt="a picture" src="x.png">
            @code { private RenderFragment Of(int n) => @<b data-n="@n">there</b>; }
            """).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Markup_stands_in_the_places_of_a_texts_values()
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        var parameters = ParameterView.FromDictionary(new Dictionary<string, object?>
        {
            [nameof(CascadingValue<int>.Value)] = 0,
            [nameof(CascadingValue<int>.ChildContent)] =
                Texts.Markup("a {1} & {0}.", b => b.AddMarkupContent(0, "<b>zero</b>"), b => b.AddContent(0, "one")),
        });
        Assert.Equal("a one &amp; <b>zero</b>.", await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<CascadingValue<int>>(parameters)).ToHtmlString()));
    }

    /// <summary>What a component says without a resource.</summary>
    private static IEnumerable<string> Literals(string component)
    {
        var engine = RazorProjectEngine.Create(RazorConfiguration.Default, RazorProjectFileSystem.Create(Server));
        var source = RazorSourceDocument.Create(component, "Component.razor");
        // At design time markup is not joined to blocks, so that tags, attributes and text are apart.
        var document = engine.ProcessDesignTime(source, FileKinds.Component, [], []).GetDocumentIntermediateNode();
        return Texts(document).Where(t => Word().Matches(t).Any(w => !Names.Contains(w.Value))).Select(t => t.Trim());

        static IEnumerable<string> Texts(IntermediateNode node) => node switch
        {
            HtmlContentIntermediateNode => [Tokens(node).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal)],
            HtmlAttributeIntermediateNode attribute => ReadAloud.Contains(attribute.AttributeName)
                ? [string.Join(' ', attribute.Children.OfType<HtmlAttributeValueIntermediateNode>().Select(Tokens))] : [],
            MarkupElementIntermediateNode { TagName: "code" or "style" } => [],
            _ => node.Children.SelectMany(Texts),
        };

        static string Tokens(IntermediateNode node)
            => string.Concat(node.Children.OfType<IntermediateToken>().Where(t => t.IsHtml).Select(t => t.Content));
    }

    private static Dictionary<string, string> Read(CultureInfo culture)
        => new ResourceManager(typeof(Texts)).GetResourceSet(culture, createIfNotExists: true, tryParents: false)!
            .Cast<DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string)e.Value!);

    private static string Values(string text) => string.Join(' ', Value().Matches(text).Select(m => m.Value).Distinct().Order());

    private static string FindRoot()
    {
        var d = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(d.FullName, "SpadeCluster.sln"))) d = d.Parent!;
        return d.FullName;
    }

    [GeneratedRegex(@"\{\d[^}]*\}")]
    private static partial Regex Value();

    [GeneratedRegex(@"\bT\[[^\]]*\]|\btexts?[\[(]\s*[""'][^\])]*|\bnew(?: LocalText)?\(""Notice[^)]*")]
    private static partial Regex Asked();

    [GeneratedRegex(@"[""']([A-Z][A-Za-z]+\.\w+(?:\.\w+)*)[""']")]
    private static partial Regex Key();

    [GeneratedRegex(@"[""`]([A-Z][A-Za-z]+\.)\$?\{")]
    private static partial Regex Area();

    [GeneratedRegex(@"(\.Next)?(\.One|\.Many)?$")]
    private static partial Regex Ending();

    [GeneratedRegex(@"\p{L}+")]
    private static partial Regex Word();
}
