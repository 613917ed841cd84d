using System.Globalization;

namespace SpadeCluster.Server.Console;

/// <summary>Numbers and times as the console writes them.</summary>
internal static class Text
{
    public static string Number(double? value, string format = "G4") => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    /// <summary>UTC; the page's script shows it in the reader's own time.</summary>
    public static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Iso(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    public static string Bytes(long bytes) =>
        bytes < 1 << 20 ? $"{bytes / 1024} KB" : bytes < 1 << 30 ? $"{bytes >> 20} MB" : Number(bytes / (double)(1 << 30), "0.0") + " GB";

    public static string Verdict(bool? label) => label switch { true => "defect", false => "good", null => "no verdict" };

    /// <summary>A shape for each verdict, so that nobody has to tell colours apart.</summary>
    public static string Sign(bool? label) => label switch { true => "\u25B2", false => "\u25CF", null => "\u25CB" };

    public static string VerdictClass(bool? label) => label switch { true => "bad", false => "good", null => "none" };
}
