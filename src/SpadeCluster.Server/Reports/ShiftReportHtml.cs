using Microsoft.Extensions.Localization;
using SpadeCluster.Server.Console;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Reports;

/// <summary>A shift's report as one HTML file that needs no other: the console's page, with style and pictures inside.</summary>
public static class ShiftReportHtml
{
    /// <param name="console">The console's address, for links; null: there are none.</param>
    /// <param name="language">One of the console's languages, such as de.</param>
    /// <exception cref="SpadeException">InvalidArgument: the console does not have this language.</exception>
    public static async Task<string> RenderAsync(ShiftReport report, DecisionPictures pictures, string? console, string language = "en")
    {
        return await Html.RenderAsync<ShiftReportDocument>(language, new()
        {
            [nameof(ShiftReportDocument.Report)] = report,
            [nameof(ShiftReportDocument.Picture)] = (Func<Decision, string?>)Embedded,
            [nameof(ShiftReportDocument.Console)] = console,
        });

        string? Embedded(Decision decision)
        {
            try
            {
                return decision.Pictures ? "data:image/jpeg;base64," + Convert.ToBase64String(pictures.SmallOverlay(decision)) : null;
            }
            catch (SpadeException e) when (e.Error == SpadeError.NotFound)
            {
                // Dropped since the report was made.
                return "data:,";
            }
        }
    }

    /// <summary>What the report is about, in one line.</summary>
    internal static string Title(ShiftReport report, IStringLocalizer<Texts> texts) => string.Join(", ", new string?[]
    {
        texts["Report.Title"], report.Line is { } line ? texts["Report.Line", line].Value : null, report.Category,
        report.Shift is { } shift ? texts["Report.Shift", shift].Value : null,
        texts["Report.Range", $"{report.Since:yyyy-MM-dd HH:mm}", $"{report.Until:yyyy-MM-dd HH:mm}"],
    }.Where(t => t is not null));

    /// <summary>A file name for it.</summary>
    public static string FileName(ShiftReport report) => string.Concat($"shift-report {report.Line} {report.Category} {report.Shift} "
        + $"{report.Since:yyyy-MM-dd HHmm}.html").Replace("  ", " ").Replace(' ', '-');
}
