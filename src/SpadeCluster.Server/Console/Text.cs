using System.Globalization;

namespace SpadeCluster.Server.Console;

/// <summary>Formats numbers, times and verdicts for the console.</summary>
internal static class Text
{
    public static string Number(double? value, string format = "G4") => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    /// <summary>The files that a page offers for photographs.</summary>
    public const string PhotographTypes =
        "image/png,image/jpeg,image/bmp,image/tiff,image/webp,.tif,.tiff,.webp,.pgm,.ppm,.pnm";

    /// <summary>UTC; the page's script shows it in the reader's own time.</summary>
    public static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Iso(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>A time as parameter of an address.</summary>
    public static string Instant(DateTimeOffset time)
        => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Such a parameter; null: it is no time.</summary>
    public static DateTimeOffset? Time(string? text)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    public static string Bytes(long bytes) =>
        bytes < 1 << 20 ? $"{bytes / 1024} KB" : bytes < 1 << 30 ? $"{bytes >> 20} MB" : Number(bytes / (double)(1 << 30), "0.0") + " GB";

    /// <summary>The file name of a normal, and whether it is a copy.</summary>
    public static string Normal(string? source, string? copy)
        => $"{(copy is null ? "" : $"{copy} copy of ")}{Path.GetFileName(source)}";

    public static string Verdict(string? verdict) => verdict ?? "no verdict";

    /// <summary>A shape for each verdict, so that colour is not the only difference.</summary>
    public static string Sign(string? verdict) =>
        verdict switch { "defect" => "\u25B2", "review" => "\u25C6", "good" => "\u25CF", _ => "\u25CB" };

    /// <summary>The style class with the verdict's colour.</summary>
    public static string VerdictClass(string? verdict) => verdict ?? "none";

    /// <summary>A notice's code as in JSON.</summary>
    public static string Code(Notices.NoticeCode code) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(code.ToString());

    /// <summary>What it is that a person reports as a defect, by the decision's verdict.</summary>
    public static string Defect(string? verdict) => verdict == "good" ? "Missed defect" : "Defect";

    /// <summary>The feedback and its state.</summary>
    public static string Said(Decisions.Feedback feedback, string? verdict) => feedback switch
    {
        { Kind: Decisions.FeedbackKind.Defect } => Defect(verdict),
        { Status: Decisions.FeedbackStatus.Checking } => "Good part, being checked,",
        { Status: Decisions.FeedbackStatus.Waiting } => "Good part, waiting for an engineer,",
        { Status: Decisions.FeedbackStatus.Refused } => "Good part, refused,",
        { ImageId: not null } => "Good part, added to the normals,",
        _ => "Good part",
    };
}
