using System.Globalization;
using Microsoft.Extensions.Localization;

namespace SpadeCluster.Server.Console;

/// <summary>Formats numbers, times and verdicts for the console.</summary>
internal static class Text
{
    /// <summary>For a reader, in the page's language.</summary>
    public static string Number(double? value, string format = "G4") => value?.ToString(format, CultureInfo.CurrentUICulture) ?? "-";

    /// <summary>For scripts, addresses and drawings: the same in every language.</summary>
    public static string Exact(double value, string format = "R") => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>The files that a page offers for photographs.</summary>
    public const string PhotographTypes =
        "image/png,image/jpeg,image/bmp,image/tiff,image/webp,.tif,.tiff,.webp,.pgm,.ppm,.pnm";

    /// <summary>UTC; the page's script shows it in the reader's own time.</summary>
    public static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Iso(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>A time as parameter of an address.</summary>
    public static string Instant(DateTimeOffset time)
        => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Reads such a parameter; null: it is no time.</summary>
    public static DateTimeOffset? ParseTime(string? text)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>The file name of a normal, and whether it is a copy.</summary>
    public static string Normal(this IStringLocalizer<Texts> texts, string? source, string? copy)
        => copy is null ? Path.GetFileName(source) ?? "" : texts["Common.CopyOf", copy, Path.GetFileName(source) ?? ""];

    public static string Verdict(this IStringLocalizer<Texts> texts, string? verdict) => texts[$"Verdict.{verdict ?? "none"}"];

    /// <summary>A shape for each verdict, so that colour is not the only difference.</summary>
    public static string Sign(string? verdict) =>
        verdict switch { "defect" => "\u25B2", "review" => "\u25C6", "good" => "\u25CF", _ => "\u25CB" };

    /// <summary>The style class with the verdict's colour.</summary>
    public static string VerdictClass(string? verdict) => verdict ?? "none";

    /// <summary>A notice's code as in JSON.</summary>
    public static string Code(Notices.NoticeCode code) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(code.ToString());

    /// <summary>What it is that a person reports as a defect, by the decision's verdict.</summary>
    public static string Defect(this IStringLocalizer<Texts> texts, string? verdict)
        => texts[verdict == "good" ? "Feedback.Missed" : "Feedback.Defect"];

    /// <summary>The feedback and its state.</summary>
    public static string Said(this IStringLocalizer<Texts> texts, Decisions.Feedback feedback, string? verdict) => feedback switch
    {
        { Kind: Decisions.FeedbackKind.Defect } => texts.Defect(verdict),
        { Status: Decisions.FeedbackStatus.Checking } => texts["Feedback.Checking"],
        { Status: Decisions.FeedbackStatus.Waiting } => texts["Feedback.Waiting"],
        { Status: Decisions.FeedbackStatus.Refused } => texts["Feedback.Refused"],
        { ImageId: not null } => texts["Feedback.Added"],
        _ => texts["Feedback.Good"],
    };
}
