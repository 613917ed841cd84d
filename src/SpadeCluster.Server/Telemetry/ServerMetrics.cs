using System.Diagnostics.Metrics;
using System.Text.Json;
using SpadeCluster.Scoring;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Storage;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Server.Telemetry;

/// <summary>Metrics of a server's decisions; the engine measures the stages of an image.</summary>
internal sealed class ServerMetrics : IDisposable
{
    private readonly Meter _meter = new(SpadeMeter.Name);
    private readonly Histogram<double> _requests, _log;
    private readonly Counter<long> _decisions, _delivered, _shadowed;
    private readonly Outbox _outbox;

    public ServerMetrics(ServerDatabase database, NoticeService notices, Outbox outbox)
    {
        _requests = _meter.CreateHistogram<double>("spade.score.duration", "ms", "From a photograph's arrival to its logged decision");
        _log = _meter.CreateHistogram<double>("spade.log.duration", "ms", "From a decision to its write to the disk");
        _decisions = _meter.CreateCounter<long>("spade.decisions", "{image}");
        _shadowed = _meter.CreateCounter<long>("spade.shadow", "{image}", "Photographs for shadow versions: scored, dropped, failed");
        _outbox = outbox;
        _delivered = _meter.CreateCounter<long>("spade.outbox.delivered", "{decision}", "Decisions that a destination acknowledged");
        _meter.CreateObservableGauge("spade.outbox.waiting", () => Outbox(s => s.Waiting), "{decision}");
        _meter.CreateObservableGauge("spade.outbox.dead", () => Outbox(s => s.Dead), "{decision}", "Dead letters");
        _meter.CreateObservableGauge("spade.log.queue", () => database.Waiting);
        _meter.CreateObservableGauge("spade.notices", () => notices.Standing().Select(n => new Measurement<int>(1,
            new("category", n.Category), new("code", JsonNamingPolicy.SnakeCaseLower.ConvertName(n.Code.ToString())))), "{notice}",
            "1 for each present notice");
    }

    public void Record(ImageScore score, TimeSpan total, TimeSpan logging)
    {
        var category = new KeyValuePair<string, object?>("category", score.Category);
        _requests.Record(total.TotalMilliseconds, category);
        _log.Record(logging.TotalMilliseconds);
        _decisions.Add(1, category, new("verdict", score.Verdict ?? "none"));
    }

    public void Delivered(string destination) => _delivered.Add(1, new KeyValuePair<string, object?>("destination", destination));

    /// <param name="outcome">scored, dropped or failed.</param>
    public void Shadowed(string category, string outcome)
        => _shadowed.Add(1, new("category", category), new("outcome", outcome));

    private IEnumerable<Measurement<long>> Outbox(Func<OutboxState, long> value)
    {
        try
        {
            return _outbox.State().Select(s => new Measurement<long>(value(s), new KeyValuePair<string, object?>("destination",
                s.Destination)));
        }
        catch (SpadeException)
        {
            // Readiness reports a database that cannot be read.
            return [];
        }
    }

    public void Dispose() => _meter.Dispose();
}
