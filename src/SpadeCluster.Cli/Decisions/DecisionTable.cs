using System.Globalization;
using System.Reflection;
using System.Text.Json.Serialization;
using CsvHelper;
using Parquet;
using Parquet.Serialization;

namespace SpadeCluster.Cli.Decisions;

/// <summary>Writes decisions as a table. Rows are read while they are written, so that memory does not grow with their number.</summary>
internal static class DecisionTable
{
    /// <summary>Rows that Parquet holds in memory at once.</summary>
    private const int GroupRows = 10_000;

    /// <summary>RFC 4180, UTF-8. A text that a spreadsheet would run as a formula begins with an apostrophe.</summary>
    public static async Task WriteCsvAsync(IEnumerable<ExportedDecision> rows, Stream stream, CancellationToken cancellationToken)
    {
        var columns = typeof(ExportedDecision).GetProperties()
            .Select(p => (p.GetCustomAttribute<JsonPropertyNameAttribute>()!.Name, Property: p)).ToArray();
        await using var csv = CsvWriter.Create(stream, new CsvWriterOptions { Injection = CsvInjection.Escape }, true);
        csv.WriteHeader(columns.Select(c => c.Name).ToArray());
        foreach (var row in rows)
        {
            foreach (var (_, property) in columns) Write(csv, property.GetValue(row));
            await csv.EndRecordAsync(cancellationToken);
        }
        await csv.FlushAsync(cancellationToken);
    }

    public static Task WriteParquetAsync(IEnumerable<ExportedDecision> rows, Stream stream, CancellationToken cancellationToken) =>
        ParquetSerializer.SerializeAsync(rows, stream, new ParquetOptions { RowGroupSize = GroupRows },
            cancellationToken: cancellationToken);

    private static void Write(CsvWriter csv, object? value)
    {
        switch (value)
        {
            case DateTime time:
                csv.WriteField(time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
                break;
            case double number:
                csv.WriteField(number, "R", CultureInfo.InvariantCulture);
                break;
            case long number:
                csv.WriteField(number, default, CultureInfo.InvariantCulture);
                break;
            case int number:
                csv.WriteField(number, default, CultureInfo.InvariantCulture);
                break;
            case bool flag:
                csv.WriteField(flag ? "true" : "false");
                break;
            default:
                csv.WriteField((string?)value ?? "");
                break;
        }
    }
}
