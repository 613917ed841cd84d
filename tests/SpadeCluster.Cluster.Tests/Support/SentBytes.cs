using System.Diagnostics.Metrics;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Tests.Support;

/// <summary>What the silos of this process count as sent to each other, by kind, while it listens.</summary>
internal sealed class SentBytes : IDisposable
{
    private readonly MeterListener _listener =
        new()
        {
            InstrumentPublished = (i, l) =>
            { if (i.Meter.Name == SpadeMeter.Name && i.Name == "spade.sent") l.EnableMeasurementEvents(i); }
        };
    private readonly Dictionary<string, (int Calls, long Bytes)> _sent = [];

    public SentBytes()
    {
        _listener.SetMeasurementEventCallback<long>((_, bytes, tags, _) =>
        {
            lock (_sent)
            {
                string kind = (string)tags[0].Value!;
                var so = _sent.GetValueOrDefault(kind);
                _sent[kind] = (so.Calls + 1, so.Bytes + bytes);
            }
        });
        _listener.Start();
    }

    /// <summary>What has been sent since the last call.</summary>
    public Dictionary<string, (int Calls, long Bytes)> Take()
    {
        lock (_sent)
        {
            var sent = new Dictionary<string, (int Calls, long Bytes)>(_sent);
            _sent.Clear();
            return sent;
        }
    }

    public void Dispose() => _listener.Dispose();
}
