using System.Globalization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Features;

/// <summary>What is known about a photographed part. It is stored with the decision and has no effect on it. Null: unknown.</summary>
/// <param name="Line">The production line or camera. Its name has the rules of category names.</param>
/// <param name="Operator">Who operated the line; free text.</param>
public sealed record ImageMetadata(
    string? Line = null, string? SerialNumber = null, string? Batch = null, string? Shift = null, string? Operator = null)
{
    /// <summary>Characters of one value.</summary>
    public const int MaxLength = 120;

    public static ImageMetadata None { get; } = new();

    /// <summary>Reads each value by its name: line, serial_number, batch, shift, operator.</summary>
    public static ImageMetadata From(Func<string, string?> value)
        => new(value("line"), value("serial_number"), value("batch"), value("shift"), value("operator"));

    /// <summary>These values, or the other's where there is none.</summary>
    public ImageMetadata Or(ImageMetadata other) => new(Given(Line) ?? other.Line, Given(SerialNumber) ?? other.SerialNumber,
        Given(Batch) ?? other.Batch, Given(Shift) ?? other.Shift, Given(Operator) ?? other.Operator);

    /// <returns>The same, with null for empty values.</returns>
    /// <exception cref="SpadeException">InvalidArgument: a value that is too long or has control characters, or not the name of a
    /// line.</exception>
    public ImageMetadata Check() => new(CheckLine(Line), CheckText("serial number", SerialNumber), CheckText("batch", Batch),
        CheckText("shift", Shift), CheckText("operator", Operator));

    private static string? Given(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static string? CheckLine(string? line)
    {
        if (string.IsNullOrEmpty(line)) return null;
        try
        {
            return CategoryName.Check(line);
        }
        catch (SpadeException e)
        {
            throw new SpadeException(e.Error, e.Message.Replace("category name", "line name", StringComparison.Ordinal));
        }
    }

    private static string? CheckText(string name, string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        bool plain = text.Length <= MaxLength && text.EnumerateRunes().All(r => r != System.Text.Rune.ReplacementChar
            && System.Text.Rune.GetUnicodeCategory(r) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator));
        return plain ? text : throw new SpadeException(SpadeError.InvalidArgument,
            $"the {name} is not usable: send at most {MaxLength} characters without line breaks and other control characters");
    }
}
