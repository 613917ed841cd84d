using Grpc.Core;
using Spade.V1;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Grpc.Results;
using SpadeCluster.Server.Reports;

namespace SpadeCluster.Server.Grpc.Reports;

/// <summary>spade.v1.Reports over the server's decision log.</summary>
internal sealed class ReportsGrpcService(ShiftReporter reporter, DecisionPictures pictures) : Spade.V1.Reports.ReportsBase
{
    public override async Task<Spade.V1.ShiftReport> GetShiftReport(GetShiftReportRequest request, ServerCallContext context)
    {
        var query = new DecisionQuery
        {
            Category = request.HasCategory ? request.Category : null,
            Line = request.HasLine ? request.Line : null,
            Shift = request.HasShift ? request.Shift : null,
            Since = ResultMapping.ToTime(request.Since, "since"),
            Until = ResultMapping.ToTime(request.Until, "until"),
        };
        var report = await reporter.MakeAsync(query.Read(context.GetHttpContext().User), context.CancellationToken);
        // Without links: the console has another address than this call.
        return new Spade.V1.ShiftReport { Json = report.ToJson(), Html = await ShiftReportHtml.RenderAsync(report, pictures, null) };
    }
}
