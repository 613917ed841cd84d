using System.Globalization;
using Microsoft.Extensions.Localization;

namespace SpadeCluster.Server.Console;

/// <summary>A text of <see cref="Texts"/> with its values: English for programs, in the reader's language on pages.</summary>
/// <param name="Values">Numbers, times and names; also texts, or lists of texts.</param>
internal sealed record LocalText(string Key, params object[] Values)
{
    /// <summary>A text that differs for one and for many: its keys end with .One and .Many, and {0} is the number.</summary>
    public static LocalText Counted(string key, long count, params object[] further)
        => new($"{key}.{(count == 1 ? "One" : "Many")}", [count, .. further]);

    public string English => Format(CultureInfo.InvariantCulture, Texts.InEnglish);

    public string In(IStringLocalizer<Texts> texts) => Format(CultureInfo.CurrentUICulture, key => texts[key]);

    public bool Equals(LocalText? other) => English == other?.English;

    public override int GetHashCode() => English.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => English;

    private string Format(CultureInfo culture, Func<string, string> find)
    {
        return string.Format(culture, find(Key), [.. Values.Select(Shown)]);

        object Shown(object value) => value switch
        {
            LocalText text => text.Format(culture, find),
            IEnumerable<LocalText> texts => string.Join("; ", texts.Select(t => t.Format(culture, find))),
            _ => value,
        };
    }
}
