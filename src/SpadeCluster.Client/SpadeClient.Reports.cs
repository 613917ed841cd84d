using Google.Protobuf.WellKnownTypes;
using Spade.V1;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>Makes the report of a shift or of any other time.</summary>
    /// <param name="category">Null: all that the key allows. Line and shift likewise.</param>
    /// <param name="since">Included; null: 24 hours before the end.</param>
    /// <param name="until">Not included; null: the newest decision, to the full hour.</param>
    /// <exception cref="SpadeException">InvalidArgument: the end is not after the beginning.</exception>
    public async Task<RemoteReport> GetShiftReportAsync(string? category = null, string? line = null, string? shift = null,
        DateTimeOffset? since = null, DateTimeOffset? until = null, CancellationToken cancellationToken = default)
    {
        var request = new GetShiftReportRequest { Since = since?.ToTimestamp(), Until = until?.ToTimestamp() };
        if (category is not null) request.Category = category;
        if (line is not null) request.Line = line;
        if (shift is not null) request.Shift = shift;
        var report = await _gateways.CallAsync(
            (c, ct) => new Reports.ReportsClient(c).GetShiftReportAsync(request, Call(ct)).ResponseAsync, cancellationToken);
        return new RemoteReport(report.Json, report.Html);
    }
}

/// <summary>A report that a server made.</summary>
/// <param name="Json">Its figures.</param>
/// <param name="Html">A page that stands alone, with pictures.</param>
public sealed record RemoteReport(string Json, string Html);
