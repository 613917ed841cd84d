using System.Globalization;
using Parquet;
using Parquet.Serialization;
using SpadeCluster.Cli.Decisions;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Tests;

/// <summary>'spade decisions export' over a log of more decisions than one page and one row group.</summary>
public sealed class DecisionExportTests : IAsyncLifetime
{
    private const int Count = 12_345;

    private static readonly DateTimeOffset Start = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("spade-export-").FullName;

    [Fact]
    public async Task Csv_has_each_decision_of_the_time_once_and_no_formula()
    {
        Assert.Equal("", await ExportAsync("csv", "--from", "2026-03-01T00:00:01", "--to", "2026-03-01T01:00:00+01:00"));
        string path = await ExportAsync("csv", "--from", "2026-03-01T00:00:01", "--to", "2026-03-01T02:00:00+01:00");
        string[] lines = await File.ReadAllLinesAsync(path);
        Assert.StartsWith("id,time,line,serial_number,batch,shift,operator,category,version,verdict,pred_score,", lines[0],
            StringComparison.Ordinal);
        // One decision a second, from the second on, for an hour.
        Assert.Equal(Enumerable.Range(2, 3599).Select(i => i.ToString(CultureInfo.InvariantCulture)),
            lines[1..].Select(l => l.Split(',')[0]));
        Assert.StartsWith("2,2026-03-01T00:00:01.000Z,L0,\"'=1+1\",,,,discs,3,review,0.25,false,-1.5,", lines[1], StringComparison.Ordinal);
        // Only the second decision's photograph was scored with a version on trial too.
        Assert.EndsWith(",shadow_version,shadow_verdict,shadow_pred_score,shadow_raw_score", lines[0], StringComparison.Ordinal);
        Assert.EndsWith(",ann,5,defect,0.75,2.5", lines[1], StringComparison.Ordinal);
        Assert.All(lines[2..], l => Assert.EndsWith(",ann,,,,", l, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Parquet_has_every_decision_in_groups_of_rows_and_texts_unchanged()
    {
        string path = await ExportAsync("parquet");
        await using var stream = File.OpenRead(path);
        await using (var reader = await ParquetReader.CreateAsync(stream, leaveStreamOpen: true))
        {
            Assert.Equal(2, reader.RowGroupCount);
            Assert.Equal(["id", "time", "line", "serial_number"], reader.Schema.DataFields.Take(4).Select(f => f.Name));
        }
        var rows = (await ParquetSerializer.DeserializeAsync<ExportedDecision>(path)).Data;
        Assert.Equal(Enumerable.Range(1, Count).Select(i => (long)i), rows.Select(r => r.Id));
        var row = rows[1];
        Assert.Equal((5, "defect", 0.75, 2.5), (row.ShadowVersion, row.ShadowVerdict, row.ShadowPredScore, row.ShadowRawScore));
        Assert.Equal((null, null, null, null),
            (rows[2].ShadowVersion, rows[2].ShadowVerdict, rows[2].ShadowPredScore, rows[2].ShadowRawScore));
        Assert.Equal((Start.UtcDateTime.AddSeconds(1), "=1+1", "review", 0.25, false, -1.5, null),
            (row.Time, row.SerialNumber, row.Verdict, row.PredScore, row.PredLabel, row.RawScore, row.Tau));
    }

    [Fact]
    public async Task A_wrong_time_is_told_and_leaves_no_file()
    {
        var (exit, _, error) = await ServerProcess.RunAsync(_folder, ["decisions", "export", "--from", "yesterday", "--out", "x.csv"]);
        Assert.Equal(2, exit);
        Assert.Contains("--from is a time", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder, "x.*"));
    }

    public async Task InitializeAsync()
    {
        await using var database = new SqliteDatabase(Path.Combine(_folder, "server-data"));
        await database.WriteAsync(c =>
        {
            for (int i = 0; i < Count; i++)
                c.Execute("INSERT INTO decisions (time, line, caller, category, version, digest, preprocessing, verdict, serial_number, "
                    + "score) VALUES ($time, $line, 'ann', 'discs', 3, 'abc', '', 'review', $serial, $score)",
                    ("$time", Start.AddSeconds(i)), ("$line", "L0"), ("$serial", i == 1 ? "=1+1" : null), ("$score", """
                        {"file":"a.png","image_id":"","category":"discs","version":3,"pred_score":0.25,"pred_label":false,"raw_score":-1.5,
                         "gate_distance":1,"localised":false,"regions":[],"neighbours":[],"milliseconds":{}}
                        """));
            c.Execute("INSERT INTO shadow_scores (decision, category, version, verdict, pred_score, raw_score) "
                + "VALUES (2, 'discs', 5, 'defect', 0.75, 2.5)");
        });
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    private async Task<string> ExportAsync(string format, params string[] options)
    {
        string path = Path.Combine(_folder, $"out.{format}");
        var (exit, output, error) =
            await ServerProcess.RunAsync(_folder, ["decisions", "export", "--format", format, "--out", path, .. options]);
        Assert.True(exit == 0, error);
        Assert.Equal([path], Directory.GetFiles(_folder, "out.*"));
        return output.StartsWith('0') ? "" : path;
    }
}
