using System.Text.RegularExpressions;
using SpadeCluster.Features;

namespace SpadeCluster.Cli.Watch;

/// <summary>
/// Reads metadata from file names, as in <c>{line}_{serial_number}_*</c>: a name in braces takes at least one character up to what follows
/// it, a star anything. The pattern is for the name without extension.
/// </summary>
internal sealed partial class NamePattern
{
    private static readonly string[] Names = ["line", "serial_number", "batch", "shift", "operator"];
    private readonly Regex _regex;

    /// <exception cref="SpadeException">InvalidArgument: an unknown name, or one that is used twice.</exception>
    public NamePattern(string pattern)
    {
        string[] used = [.. Field().Matches(pattern).Select(m => m.Groups[1].Value)];
        if (used.Length == 0 || used.Except(Names).Any() || used.Distinct().Count() < used.Length)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"'{pattern}' is not a pattern for file names: use {string.Join(", ", Names.Select(n => $"{{{n}}}"))}, each at most "
                + "once, and * for anything");
        string regex = Regex.Escape(Field().Replace(pattern, "\u0001$1\u0002")).Replace("\\*", ".*?", StringComparison.Ordinal);
        regex = regex.Replace("\u0001", "(?<", StringComparison.Ordinal).Replace("\u0002", ">.+?)", StringComparison.Ordinal);
        _regex = new Regex($"^{regex}$",
            RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
    }

    /// <returns>Null: the name does not fit.</returns>
    /// <exception cref="SpadeException">InvalidArgument: a value that cannot be stored.</exception>
    public ImageMetadata? Read(string file)
    {
        var match = _regex.Match(Path.GetFileNameWithoutExtension(file));
        return match.Success ? ImageMetadata.From(n => match.Groups[n].Success ? match.Groups[n].Value : null).Check() : null;
    }

    [GeneratedRegex(@"\{([^{}]*)\}")]
    private static partial Regex Field();
}
